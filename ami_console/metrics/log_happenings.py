"""What logs tell of a job's story: instants that looks do not know, and events of their own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ami_console.metrics.arrays import floats, instants
from ami_console.metrics.source_gaps import NS_PER_S

_ALONE = ("worker_crashed", "health_check", "reaped", "job_failed")
_INSTANTS = ("status", "fetched", "reserved", "stream_deleted", "consumer_deleted", "cleaned_up")

AGAIN_S = 5.0
"""Two logs that tell of the same thing do so within this."""

NEAR_S = 2.0
"""A line may be written so long before or after a look that shows what it tells of."""


class Logged:
    """Lines of one job that tell of its story, in order of time."""

    def __init__(self, lines: pd.DataFrame | None) -> None:
        """Args: ``lines`` are rows of ``log_events`` of the kinds that matter; ``None``: none."""
        self._lines = lines
        if lines is not None:
            self._at_ns = instants(lines, "logged_at")
            self._resolution_s = np.nan_to_num(floats(lines, "resolution_s"), nan=1.0)
            self._kinds = lines["kind"].to_numpy(dtype=object)

    def first(
        self, kinds: tuple[str, ...], after_ns: int, until_ns: int, *, status: str | None = None
    ) -> dict[str, Any]:
        """Where a line names the instant of what two looks bracket: ``at_ns`` and ``error_s``.

        Args:
            kinds: Of the line.
            after_ns: The look before.
            until_ns: The look that shows it.
            status: That the line names.
        """
        if self._lines is None:
            return {}
        near = (self._at_ns >= after_ns - NEAR_S * NS_PER_S) & (
            self._at_ns <= until_ns + NEAR_S * NS_PER_S
        )
        near &= np.isin(self._kinds, kinds)
        if status is not None and near.any():
            told = self._lines["status"].to_numpy(dtype=object)
            near &= np.array([each == status for each in told], dtype=bool)
        rows = np.flatnonzero(near)
        if not len(rows):
            return {}
        finest = rows[np.argmin(self._resolution_s[rows])]
        resolution_s = float(self._resolution_s[finest])
        # A line's instant is cut to its resolution: it happened at most that long after it.
        at_ns = int(self._at_ns[finest]) + round(resolution_s * NS_PER_S)
        return {"at_ns": at_ns, "error_s": resolution_s}

    def events(self) -> Iterator[dict[str, Any]]:
        """What only logs tell of."""
        if self._lines is None:
            return
        last_ns: dict[str, int] = {}
        for row in np.flatnonzero(np.isin(self._kinds, _ALONE)):
            kind, at_ns = str(self._kinds[row]), int(self._at_ns[row])
            if at_ns - last_ns.get(kind, -(10**19)) <= AGAIN_S * NS_PER_S:
                continue
            last_ns[kind] = at_ns
            resolution_s = float(self._resolution_s[row])
            yield {
                "kind": "worker_lost" if kind == "worker_crashed" else kind,
                "at_ns": at_ns + round(resolution_s * NS_PER_S),
                "error_s": resolution_s,
                "subject": "logs",
                "title": _title(kind, self._lines.iloc[row]),
            }


def logged(log_events: pd.DataFrame | None, job_id: int, *, as_of_ns: int) -> Logged:
    """The lines of one job that tell of its story.

    Args:
        log_events: The ``log_events`` frame; ``None``: there is none.
        job_id: The job.
        as_of_ns: Nothing later is used, ns since the epoch.
    """
    if log_events is None or log_events.empty:
        return Logged(None)
    kind = log_events["kind"].isin((*_ALONE, *_INSTANTS)).to_numpy(dtype=bool, na_value=False)
    mine = log_events[kind]
    mine = mine[
        (mine["job_id"] == job_id).fillna(False) & (instants(mine, "logged_at") <= as_of_ns)
    ]
    return Logged(mine.sort_values("logged_at", kind="stable")) if len(mine) else Logged(None)


def _title(kind: str, line: pd.Series) -> str:
    if kind == "health_check":
        failed = line["failed"]
        many = "images" if pd.isna(failed) else f"{failed:,} image{'' if failed == 1 else 's'}"
        return f"The health check marked {many} as failed"
    if kind == "worker_crashed":
        held = line["delivered"]
        many = "" if pd.isna(held) else f" with {held:,} image{'' if held == 1 else 's'}"
        return f"A worker died{many} in its hands"
    return "The health check ended the job" if kind == "reaped" else "The job could not go on"
