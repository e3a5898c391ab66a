"""Every attempt at a task that anything was seen of: posted, taken up for saving, acknowledged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ami_console.metrics.arrays import Floats, floats, instants

KINDS = ("posted", "processing", "acked")

_KEY = ("job_id", "stored_ns", "stream_seq", "consumer_seq")


@dataclass(frozen=True)
class Sighted:
    """One row per attempt (job, message, consumer sequence), sorted by that.

    Attributes:
        job_id: The job.
        stored_ns: When the message was stored, ns since the epoch; with ``stream_seq`` it tells
            messages apart also when a stream was made anew.
        stream_seq: Sequence of the message.
        consumer_seq: Sequence of the delivery; NaN where only the message is known.
        delivery: Which delivery of the message.
        at_s: Kind → when, s since the epoch; NaN not seen.
        error_s: Kind → how far from that it may have been.
        num_pending_then: Messages not yet delivered at that delivery; NaN not told.
        acks: How often this attempt was acknowledged, as far as the tap saw it.
    """

    job_id: npt.NDArray[np.int64]
    stored_ns: npt.NDArray[np.int64]
    stream_seq: npt.NDArray[np.int64]
    consumer_seq: Floats
    delivery: Floats
    at_s: Mapping[str, Floats]
    error_s: Mapping[str, Floats]
    num_pending_then: Floats
    acks: Floats


def sightings(acks: pd.DataFrame | None, log_events: pd.DataFrame | None) -> Sighted:
    """All attempts that acknowledgements or log lines tell of; of each instant the finest.

    The tap's receipt is exact; a log line was written within its resolution after the instant in
    it, so its middle is taken. Lines that two logs share, or that were read twice, count once.

    Args:
        acks: The ``acks`` frame; only ``+ACK`` counts.
        log_events: The ``log_events`` frame.

    Source:
        ``$JS.ACK`` subjects; ``Queued pipeline result``, ``Processing pipeline result`` and
        ``Successfully acknowledged task`` lines.
    """
    told = _stacked(acks, log_events)
    # Of several sightings of one kind the finest comes first, of equally fine ones the earliest.
    order = np.lexsort(
        (told["at_ns"], told["error_s"], told["kind"], *(told[key] for key in reversed(_KEY)))
    )
    told = {name: values[order] for name, values in told.items()}
    attempt = _number([told[key] for key in _KEY])
    begins = np.flatnonzero(np.diff(attempt, prepend=-1))
    count = len(begins)
    at_s = {kind: np.full(count, np.nan) for kind in KINDS}
    error_s = {kind: np.full(count, np.nan) for kind in KINDS}
    firsts = np.flatnonzero(np.diff(attempt * len(KINDS) + told["kind"], prepend=-1))
    for code, kind in enumerate(KINDS):
        mine = firsts[told["kind"][firsts] == code]
        at_s[kind][attempt[mine]] = told["at_ns"][mine] / 1e9
        error_s[kind][attempt[mine]] = told["error_s"][mine]
    by_tap = np.bincount(attempt[told["is_tap"]], minlength=count).astype("float64")
    seen = (~np.isnan(at_s["acked"])).astype("float64")
    return Sighted(
        **{key: told[key][begins] for key in _KEY},
        delivery=told["delivery"][begins],
        at_s=at_s,
        error_s=error_s,
        num_pending_then=told["num_pending_then"][begins],
        acks=np.maximum(by_tap, seen),
    )


def _stacked(acks: pd.DataFrame | None, log_events: pd.DataFrame | None) -> dict[str, Any]:
    """Column → values of all sightings, the tap's before those of the logs."""
    parts = []
    if acks is not None and len(acks):
        mine = acks[(acks["kind"] == "+ACK").fillna(False)]
        at_ns = instants(mine, "acked_at")
        parts.append(
            _part(mine, at_ns, np.zeros(len(mine)), np.full(len(mine), KINDS.index("acked")))
        )
        parts[-1]["is_tap"] = np.ones(len(parts[-1]["kind"]), dtype=bool)
    if log_events is not None and len(log_events):
        mine = log_events[log_events["kind"].isin(KINDS)]
        resolution_s = floats(mine, "resolution_s")
        half_ns = np.nan_to_num(resolution_s * 5e8).astype("int64")
        kinds = mine["kind"].map(dict(zip(KINDS, range(len(KINDS)), strict=True)))
        parts.append(
            _part(
                mine, instants(mine, "logged_at") + half_ns, half_ns / 1e9, kinds.to_numpy("int64")
            )
        )
        parts[-1]["is_tap"] = np.zeros(len(parts[-1]["kind"]), dtype=bool)
    if not parts:
        whole, real = np.empty(0, dtype="int64"), np.empty(0)
        columns = dict.fromkeys(("job_id", "stored_ns", "stream_seq", "at_ns", "kind"), whole)
        columns |= dict.fromkeys(("consumer_seq", "delivery", "num_pending_then", "error_s"), real)
        return {**columns, "is_tap": np.empty(0, dtype=bool)}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(frame: pd.DataFrame, at_ns: Any, error_s: Floats, kind: Any) -> dict[str, Any]:
    known = (
        frame[["job_id", "stream_seq", "stored_at"]].notna().all(axis=1).to_numpy()
        & (at_ns != np.iinfo(np.int64).min)
    )  # fmt: skip
    frame = frame[known]
    return {
        "job_id": frame["job_id"].to_numpy("int64"),
        "stored_ns": instants(frame, "stored_at"),
        "stream_seq": frame["stream_seq"].to_numpy("int64"),
        "consumer_seq": floats(frame, "consumer_seq"),
        "delivery": floats(frame, "delivery"),
        "num_pending_then": floats(frame, "num_pending_then"),
        "at_ns": at_ns[known],
        "error_s": error_s[known],
        "kind": kind[known],
    }


def _number(keys: list[Any]) -> npt.NDArray[np.int64]:
    """Number of the group of each row, from 0; rows of one group stand together."""
    if not len(keys[0]):
        return np.empty(0, dtype="int64")
    new = np.zeros(len(keys[0]), dtype=bool)
    for key in keys:
        new[1:] |= (key[1:] != key[:-1]) & ~(_missing(key[1:]) & _missing(key[:-1]))
    return np.cumsum(new)


def _missing(values: Any) -> Any:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)
