"""When a source gave nothing, and when nobody looked at all."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics.arrays import Flags, Floats, Instants, flags, floats, instants, typed
from ami_console.metrics.coverage import OFF_S
from ami_console.metrics.settled import gap_limit_s

SOURCE_NAMES = {
    "antenna": "Antenna",
    "nats": "NATS",
    "redis": "Redis",
    "tap": "The tap",
    "job_logs": "The job's log",
    "log_files": "Log files",
    "celery": "Celery's queues",
}
"""Sources as sentences name them; what is read for our own verdicts is none."""

SOURCE_GAPS: dict[str, str] = {
    "source": frames.TEXT,
    "begins_at": frames.TIME,
    "ends_at": frames.TIME,
    "is_open": frames.FLAG,
    "reason": frames.TEXT,
}

NS_PER_S = 1_000_000_000


class Stretch(NamedTuple):
    """A stretch of time, ns since the epoch; one that is open lasts on at the instant judged at."""

    begin_ns: int
    end_ns: int
    is_open: bool = False


def source_gaps(reads: pd.DataFrame, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Stretches in which a source could not be read.

    A gap reaches from the last good read before a failed one to the first good read after it;
    one that has no end yet ends at ``as_of`` and is open. The tap's good reads speak of the
    ``elapsed_s`` before them: what lies before that was heard by nobody.

    Args:
        reads: The ``reads`` frame, or those of its rows that tell of gaps.
        as_of: The instant judged at.

    Returns:
        One row per source and gap, sorted by ``begins_at``: the columns of ``SOURCE_GAPS``;
        ``reason`` of its first failed read.
    """
    known = reads[reads["observed_at"] <= as_of]
    held: dict[str, list[object]] = {column: [] for column in SOURCE_GAPS}
    codes, names = pd.factorize(known["source"])
    at_ns, ok, elapsed_s = (
        instants(known, "observed_at"),
        flags(known, "ok"),
        floats(known, "elapsed_s"),
    )
    errors = known["error"]
    for code, name in enumerate(map(str, names)):
        if name not in SOURCE_NAMES:
            continue
        rows = np.flatnonzero(codes == code)
        rows = rows[np.argsort(at_ns[rows], kind="stable")]
        gaps = failed(at_ns[rows], ok[rows], as_of.value)
        if name == "tap":
            gaps = merged([*gaps, *_off(at_ns[rows], ok[rows], elapsed_s[rows])])
        for gap in gaps:
            bad = rows[(at_ns[rows] >= gap.begin_ns) & (at_ns[rows] <= gap.end_ns) & ~ok[rows]]
            held["source"].append(name)
            held["begins_at"].append(gap.begin_ns)
            held["ends_at"].append(gap.end_ns)
            held["is_open"].append(gap.is_open)
            held["reason"].append(errors.iloc[bad[0]] if len(bad) else "the tap was off")
    columns = {
        name: typed(np.asarray(held[name], dtype="int64") if dtype == frames.TIME else held[name],
                    dtype)
        for name, dtype in SOURCE_GAPS.items()
    }  # fmt: skip
    return pd.DataFrame(columns).sort_values("begins_at", kind="stable", ignore_index=True)


def failed(at_ns: Instants, ok: Flags, as_of_ns: int) -> list[Stretch]:
    """Gaps of one source by its reads in order of time."""
    begins = np.flatnonzero(~ok & np.append(True, ok[:-1])) if len(ok) else np.empty(0, "int64")
    good = np.flatnonzero(ok)
    gaps = []
    for begin in begins:
        after = good[np.searchsorted(good, begin) :][:1]
        begin_ns = int(at_ns[max(0, begin - 1)])
        if len(after):
            gaps.append(Stretch(begin_ns, int(at_ns[after[0]])))
        else:
            gaps.append(Stretch(begin_ns, as_of_ns, is_open=True))
    return gaps


def _off(at_ns: Instants, ok: Flags, elapsed_s: Floats) -> list[Stretch]:
    """When the tap was off: between two good reads lies more than the later one speaks of."""
    speaks_from = at_ns - (np.nan_to_num(elapsed_s) * NS_PER_S).astype("int64")
    pause = np.append(0, speaks_from[1:] - at_ns[:-1])
    both = ok & np.append(False, ok[:-1]) & ~np.isnan(elapsed_s)
    found = np.flatnonzero(both & (pause > OFF_S * NS_PER_S))
    return [Stretch(int(at_ns[i - 1]), int(speaks_from[i])) for i in found]


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order of time; those that touch are one."""
    whole: list[Stretch] = []
    for each in sorted(stretches):
        if whole and each.begin_ns <= whole[-1].end_ns:
            last = whole[-1]
            whole[-1] = Stretch(
                last.begin_ns, max(last.end_ns, each.end_ns), last.is_open or each.is_open
            )
        else:
            whole.append(each)
    return whole


def pauses(looks_ns: Iterable[Instants], *, until_ns: int) -> list[Stretch]:
    """Stretches in which nothing was looked at: the watch was paused, off or cut off.

    Args:
        looks_ns: When each source was looked at, in vain too, ns since the epoch; each in order.
        until_ns: Nothing later counts: the job's end, or the instant judged at.

    Returns:
        Those longer than a gap; open: one that lasts on at ``until_ns``.
    """
    held = [each[each <= until_ns] for each in looks_ns]
    limits_s = [gap_limit_s(each / 1e9) for each in held if len(each) > 2]
    if not limits_s:
        return []
    limit_ns = min(limits_s) * NS_PER_S
    whole = np.unique(np.concatenate([*held, np.array([until_ns])]))
    found = np.flatnonzero(np.diff(whole) > limit_ns)
    return [
        Stretch(int(whole[i]), int(whole[i + 1]), is_open=int(whole[i + 1]) == until_ns)
        for i in found
    ]
