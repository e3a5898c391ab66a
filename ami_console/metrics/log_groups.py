"""Log lines that tell of trouble, grouped by what they say but for numbers, ids and names."""

import re
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import floats, instants, typed

LOG_GROUPS: dict[str, str] = {
    "job_id": frames.COUNT,
    "level": frames.TEXT,
    "kind": frames.TEXT,
    "pattern": frames.TEXT,
    "lines": frames.COUNT,
    "sources": frames.TEXT,
    "first_at": frames.TIME,
    "last_at": frames.TIME,
    "example": frames.TEXT,
}

LEVELS = ("CRITICAL", "ERROR", "WARNING")
"""Levels of trouble, the worst first."""

TROUBLES = frozenset(
    {
        "ack_failed",
        "counters_failed",
        "health_check",
        "job_failed",
        "late_result",
        "no_workers",
        "publish_failed",
        "reaped",
        "reserve_failed",
        "result_error",
        "result_failed",
        "services_offline",
        "state_missing",
        "task_failed",
        "task_retried",
        "worker_batch_failed",
        "worker_crashed",
        "worker_failed",
    }
)
"""Kinds of lines that tell of trouble whatever their level: some are logged as INFO."""

_COLUMNS = ("job_id", "logged_at", "source", "level", "kind", "message")

HEAD_SIZE = 400
"""Characters of a message that are compared; those of its first line."""

_STANDS_FOR = re.compile(
    r"(?P<reply>\$JS\.[\w.-]+)"
    r"|(?P<url>\b[a-z]{2,8}://[^\s'\"<>)\]]+)"
    r"|(?P<id>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*[0-9])"
    r"(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b)"
    r"|(?P<text>(?<!\w)(?:'(?![a-z_]{1,24}')[^'\n]*'|\"(?![a-z_]{1,24}\")[^\"\n]*\"))"
    r"|(?P<path>(?<![\w.])/[^\s'\"<>():,\]]+)"
    r"|(?P<n>\d+(?:\.\d+)*)"
)


def troubled(log_events: pd.DataFrame) -> Any:
    """Which lines tell of trouble: by their level, or by their kind (``TROUBLES``).

    Args:
        log_events: The ``log_events`` frame.

    Returns:
        A boolean array, one value per row.
    """
    loud = log_events["level"].isin(LEVELS).to_numpy(dtype=bool, na_value=False)
    return loud | log_events["kind"].isin(TROUBLES).to_numpy(dtype=bool, na_value=False)


@lru_cache(maxsize=50_000)
def pattern_of(message: str) -> str:
    """A message as all of its sort have it: ``Failed to read {url} for image {n}``.

    Its first line, cut to ``HEAD_SIZE``. Reply subjects, addresses, ids, quoted texts, paths and
    numbers stand there as their names in braces. A quoted word of small letters stays: it names
    a stage or a key, and ``KeyError: 'image'`` is not ``KeyError: 'pipeline'``.
    """
    head = message[:HEAD_SIZE].partition("\n")[0]
    return _STANDS_FOR.sub(_name, head).strip()


def _name(found: re.Match[str]) -> str:
    return f"{{{found.lastgroup}}}"


def log_groups(log_events: pd.DataFrame) -> pd.DataFrame:
    """Lines of trouble, one row per job, level and pattern; the worst level, then most lines first.

    Args:
        log_events: The ``log_events`` frame.

    Returns:
        The columns of ``LOG_GROUPS``. ``pattern`` is what the messages share (:func:`pattern_of`),
        ``example`` the newest whole message. ``lines`` is the count of the source that has most
        of them: one event often stands in the job's log and in that of a process too; ``sources``
        are all that have it, separated by commas. ``first_at``, ``last_at`` are instants of lines.

    Source:
        Messages of any log. Levels are those of the processes; a worker's own output has none.
    """
    frames.require(log_events, _COLUMNS, "log_groups")
    is_one = troubled(log_events) & log_events["message"].notna().to_numpy()
    lines = log_events.loc[is_one, list(_COLUMNS)]
    patterns = list(map(pattern_of, lines["message"].to_list()))
    _, group = np.unique(_numbered(lines["job_id"], lines["level"], patterns), return_inverse=True)
    at_ns = instants(lines, "logged_at")
    order = np.lexsort((at_ns, group))
    ends = np.flatnonzero(np.diff(group[order], append=-1))
    newest, oldest = order[ends], order[np.append(0, ends + 1)[:-1]]
    sources, told_by = pd.factorize(lines["source"].fillna("not told"))
    counts = np.zeros((len(ends), max(1, len(told_by))))
    np.add.at(counts, (group, sources), 1)
    last = lines.iloc[newest]
    table = pd.DataFrame(
        {
            "job_id": last["job_id"].array,
            "level": last["level"].array,
            "kind": last["kind"].array,
            "pattern": typed([patterns[row] for row in newest], frames.TEXT),
            "lines": typed(counts.max(axis=1), frames.COUNT),
            "sources": typed([_names(told_by, row) for row in counts], frames.TEXT),
            "first_at": lines["logged_at"].array[oldest],
            "last_at": last["logged_at"].array,
            "example": last["message"].array,
        }
    ).astype(LOG_GROUPS)
    rank = np.array([_RANKS.get(level, len(LEVELS)) for level in table["level"]], dtype="int64")
    by = (-instants(table, "last_at"), -floats(table, "lines"), rank, floats(table, "job_id"))
    return table.iloc[np.lexsort(by)].reset_index(drop=True)


_RANKS = {level: number for number, level in enumerate(LEVELS)}


def _numbered(*columns: Any) -> Any:
    """A number for each combination of values; the missing of a column share one."""
    numbers: Any = 0
    for column in columns:
        codes, found = pd.factorize(pd.Series(column))
        numbers = numbers * (len(found) + 1) + codes + 1
    return numbers


def _names(told_by: Any, counts: Any) -> str:
    return ",".join(sorted(name for name, n in zip(told_by, counts, strict=True) if n))
