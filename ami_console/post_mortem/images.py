"""The images of a job that something happened to, one by one as far as the sources tell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics import given_up
from ami_console.metrics.arrays import Flags, flags, floats

IMAGES: dict[str, str] = {
    "image_id": frames.TEXT,
    "stream_seq": frames.COUNT,
    "deliveries": frames.COUNT,
    "first_delivered_at": frames.TIME,
    "last_delivered_at": frames.TIME,
    "acked_at": frames.TIME,
    "outcome": frames.TEXT,
}

OUTCOMES: dict[str, str] = {
    "done": "saved and acknowledged once",
    "repeated": "acknowledged more than once: the work was done again",
    "failed": "a worker gave an error for it, or the health check marked it as failed",
    "given_up": "the broker will not hand it out again",
    "discarded": "its result came when the job was over, and was thrown away",
    "unknown": "no source tells",
}
"""Outcome of an image → what it says."""


def no_images() -> pd.DataFrame:
    """The columns of ``IMAGES`` and no row."""
    return frames.table([], IMAGES)


def troubled_images(
    tasks: pd.DataFrame,
    *,
    consumers: pd.DataFrame,
    counters: pd.DataFrame,
    advisories: pd.DataFrame,
    log_events: pd.DataFrame,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Images that were handed out again, failed, were given up or thrown away.

    Args:
        tasks: :func:`ami_console.metrics.task_times` of one job.
        consumers, counters, advisories, log_events: These frames, of the same job.
        as_of: The instant judged at.

    Returns:
        One row per image, those with a known sequence first and in its order: the columns of
        ``IMAGES``. ``deliveries`` is the highest attempt seen, ``last_delivered_at`` when that
        attempt was handed out, ``acked_at`` the first acknowledgement, ``outcome`` one of
        ``OUTCOMES``. Images of which the broker's counters alone tell are not among them.

    Source:
        Reply subjects (tap, log lines), ``MAX_DELIVERIES`` advisories, the health check's and
        workers' errors in the logs.
    """
    lost = given_up(
        consumers,
        as_of=as_of,
        counters=counters,
        advisories=advisories,
        log_events=log_events,
        tasks=tasks,
    )
    lost_seqs = {int(each) for each in _listed(lost["stream_seqs"])}
    failed_ids, failed_seqs = _failed(log_events)
    seen, numbers = tasks["image_id"], floats(tasks, "stream_seq")
    marks: dict[str, Flags] = {
        "discarded": flags(tasks, "is_discarded"),
        "failed": np.isin(numbers, list(failed_seqs)) | seen.isin(failed_ids).to_numpy(dtype=bool),
        "given_up": np.isin(numbers, list(lost_seqs)),
        "repeated": floats(tasks, "acks") > 1,
        "done": tasks["acked_at"].notna().to_numpy(),
    }
    again = floats(tasks, "max_delivery") > 1
    is_troubled = again | marks["discarded"] | marks["failed"] | marks["given_up"]
    is_troubled |= marks["repeated"]
    outcome = np.select(list(marks.values()), list(marks), "unknown")
    is_last = floats(tasks, "delivery") == floats(tasks, "max_delivery")
    table = pd.DataFrame(
        {
            "image_id": tasks["image_id"],
            "stream_seq": tasks["stream_seq"],
            "deliveries": tasks["max_delivery"],
            "first_delivered_at": tasks["first_delivered_at"],
            "last_delivered_at": tasks["delivered_at"].where(is_last),
            "acked_at": tasks["acked_at"],
            "outcome": outcome,
        }
    )[is_troubled]
    table = table.astype(IMAGES).sort_values("stream_seq", kind="stable")
    rest = _untold(set(numbers), set(seen.dropna()), lost_seqs, failed_ids)
    parts = [part for part in (table, rest) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else no_images()


def _untold(
    sequences: set[float], ids: set[Any], lost_seqs: set[int], failed_ids: Sequence[str]
) -> pd.DataFrame:
    """Images of which nothing ever came back: known by a sequence or by an id alone.

    Where the broker tells sequences and the health check ids, they are the same images, and
    nothing says which is which: the ids are told, as people go by these.
    """
    lost = sorted(lost_seqs - sequences)
    marked = [each for each in failed_ids if each not in ids]
    outcome = "given_up" if lost and len(lost) == len(marked) else "failed"
    rows: list[dict[str, Any]] = [{"image_id": each, "outcome": outcome} for each in marked]
    if len(marked) < len(lost):
        rows += [{"stream_seq": each, "outcome": "given_up"} for each in lost]
    return frames.table(rows, IMAGES)


def _failed(log_events: pd.DataFrame) -> tuple[list[str], set[int]]:
    """Ids, and sequences, of images with an error or marked by the health check."""
    told = log_events[log_events["kind"].isin(("health_check", "result_error"))]
    ids = dict.fromkeys(_listed(told["image_ids"]))
    errors = told.loc[(told["kind"] == "result_error").fillna(False), "stream_seq"].dropna()
    return list(ids), {int(each) for each in errors}


def _listed(column: "pd.Series[Any]") -> list[str]:
    return [each for text in column.dropna() for each in str(text).split(",") if each]


def named_among(log_events: pd.DataFrame, sequences: set[int]) -> list[str]:
    """Images that a job's log surely names among these messages, without saying which is which.

    Processes of Celery write into one log, so that a line with an image may be of any message
    that is being saved then. Where all of these are among ``sequences``, so is the image.

    Args:
        log_events: The ``log_events`` frame of one job.
        sequences: Messages that are asked about.

    Source:
        ``Processing pipeline result``, ``Determining occurrences`` and ``Successfully
        acknowledged task`` lines of the job's log, in their order.
    """
    kinds = ("processing", "acked", "ack_failed", "occurrences")
    lines = log_events[
        log_events["kind"].isin(kinds) & (log_events["source"] == "job").fillna(False)
    ].sort_values("logged_at", kind="stable")
    # A message that is being saved when the log begins, or whose line is missing, would be unseen.
    begun, ended = (set(lines.loc[lines["kind"] == kind, "stream_seq"]) for kind in kinds[:2])
    if begun != ended:
        return []
    saving: set[int] = set()
    found: list[str] = []
    for kind, sequence, image in zip(
        lines["kind"], lines["stream_seq"], lines["image_ids"], strict=True
    ):
        if kind == "processing":
            saving.add(int(sequence))
        elif kind == "occurrences":
            if saving and saving <= sequences and not pd.isna(image):
                found.append(str(image))
        elif not pd.isna(sequence):
            saving.discard(int(sequence))
    return sorted(set(found), key=lambda each: (len(each), each))
