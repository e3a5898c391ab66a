"""A job's summary as one row."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ami_console.frames import FrameSource
from ami_console.summary import summarise

_TIMES = ("started_at", "finished_at")
_SPREAD = ("p50", "p95", "p99", "max")


def summary_row(source: FrameSource, job_id: int) -> dict[str, Any]:
    """The numbers of :func:`~ami_console.summary.summarise` as columns of one row.

    Args:
        source: Live history or a recording.
        job_id: The job.

    Returns:
        ``name``, ``project``, ``pipeline`` as last recorded, then the summary: what is nested
        in it has both names, the unit last (``latency_s`` → ``p50`` is ``latency_p50_s``). What
        is unknown is ``None``.

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    jobs = source.frame("jobs", job_id=job_id)
    row = {column: last_known(jobs, column) for column in ("name", "project", "pipeline")}
    return row | dict(_flat(summarise(source, job_id)))


def last_known(looks: pd.DataFrame, column: str) -> Any:
    """The newest value of a column that is there; ``None`` when none is."""
    known = looks[column].dropna()
    return known.iloc[-1] if len(known) else None


def _flat(numbers: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from _nested(name, value)
        else:
            yield name, _plain(name, value)


def _nested(name: str, told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    is_spread = "p50" in told
    stem = name.removesuffix("_s") if is_spread else name
    for part, value in told.items():
        if isinstance(value, dict):
            yield from _nested(f"{stem}_{part}", value)
        else:
            unit = "_s" if is_spread and part in _SPREAD else ""
            yield f"{stem}_{part}{unit}", _plain(part, value)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if name in _TIMES and value is not None:
        return pd.Timestamp(value).as_unit("ns")
    return value
