"""Signs that an action has happened, in what one source told since."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import pandas as pd

from ami_console.actions.job_looks import JobLooks, Row
from ami_console.diagnosis.checks.common import images
from ami_console.reading import FINAL_STATUSES, SourceName

State = Literal["waiting", "seen", "contradicts", "cant_tell"]

_QUEUED = frozenset({"PENDING", "RECEIVED", "RETRY"})


class Sign(NamedTuple):
    """What a source tells of an action.

    Attributes:
        state: ``waiting``: not yet; ``seen``: it has happened there; ``contradicts``: something
            else has; ``cant_tell``: it has no way to know.
        says: One sentence, plain text.
        first: The row in which that was first seen; ``None``: the newest.
        is_final: Whether nothing else can be expected of it.
    """

    state: State
    says: str
    first: Row | None = None
    is_final: bool = False


Judge = Callable[[JobLooks, JobLooks, tuple[Row, ...]], Sign]
"""Judges by the looks before, those since, and the source's own rows since (at least one)."""


# ---- cancel


def _revoked(_before: JobLooks, _after: JobLooks, rows: tuple[Row, ...]) -> Sign:
    status = rows[-1]["status"]
    if pd.isna(status):
        return Sign("contradicts", "Antenna does not know this job.")
    first = _first(rows, lambda row: _same(row["status"], status))
    if status == "REVOKED":
        return Sign("seen", "The job is REVOKED.", first)
    if status in FINAL_STATUSES:
        return Sign("contradicts", f"The job ended {status} instead.", first)
    return Sign("waiting", f"The job is {status}.", first)


def _stream_gone(before: JobLooks, _after: JobLooks, rows: tuple[Row, ...]) -> Sign:
    gone, newest = _first(rows, lambda row: not row["stream_exists"]), rows[-1]
    if not newest["stream_exists"]:
        had = before.last("nats")
        if had is not None and not had["stream_exists"]:
            return Sign("seen", "There was no stream, and there is none.", gone)
        return Sign("seen", "The stream is gone.", gone)
    if gone is not None:
        return Sign("contradicts", "The stream was gone, and there is one again.")
    return Sign("waiting", f"The stream is still there{_with_messages(newest)}.")


def _keys_gone(before: JobLooks, _after: JobLooks, rows: tuple[Row, ...]) -> Sign:
    gone, newest = _first(rows, lambda row: bool(pd.isna(row["total"]))), rows[-1]
    if pd.isna(newest["total"]):
        had = before.last("redis")
        if had is not None and pd.isna(had["total"]):
            return Sign("seen", "There were no counters, and there are none.", gone)
        return Sign("seen", "The counters are gone.", gone)
    if gone is not None:
        return Sign("contradicts", "The counters were gone, and are there again.")
    return Sign("waiting", f"The counters of {images(int(newest['total']))} are still there.")


# ---- run, retry


def _running(before: JobLooks, _after: JobLooks, rows: tuple[Row, ...]) -> Sign:
    status = rows[-1]["status"]
    if pd.isna(status):
        return Sign("contradicts", "Antenna does not know this job.")
    had = before.last("antenna")
    began = _first(rows, lambda row: _began_anew(had, row))
    if began is None:
        return Sign("waiting", f"The job is {status}, and has not begun anew.")
    if status in ("FAILURE", "REVOKED"):
        return Sign("contradicts", f"It began anew, and ended {status}.")
    return Sign("seen", f"It began anew: the job is {status}.", began)


def _began_anew(had: Row | None, row: Row) -> bool:
    """Whether this look shows another run than the one before."""
    if pd.isna(row["status"]) or row["status"] == "CREATED":
        return False
    if had is None or pd.isna(had["status"]):
        return row["status"] in _QUEUED
    if not pd.isna(row["started_at"]) and (
        pd.isna(had["started_at"]) or row["started_at"] > had["started_at"]
    ):
        return True
    if had["status"] == "CREATED":
        return True
    if row["status"] in _QUEUED:
        return bool(row["status"] != had["status"])
    return had["status"] in FINAL_STATUSES and row["status"] not in FINAL_STATUSES


def _stream_there(before: JobLooks, after: JobLooks, rows: tuple[Row, ...]) -> Sign:
    had, newest = before.last("nats"), rows[-1]
    if had is not None:
        made = _first(rows, lambda row: _is_new_stream(had, row))
        if made is not None:
            return Sign(
                "seen", f"A new stream was made{_with_messages(made)} when first seen.", made
            )
        grown = _first(rows, lambda row: _more(row["last_seq"], had["last_seq"]))
        if grown is not None:
            most = max(int(row["last_seq"]) for row in rows if not pd.isna(row["last_seq"]))
            more = most - int(had["last_seq"])
            return Sign("seen", f"{more:,} more messages were put into its stream.", grown)
    if after.status in FINAL_STATUSES and not newest["stream_exists"]:
        says = "The job has ended: a stream may have come and gone between two looks."
        return Sign("cant_tell", says, is_final=True)
    if newest["stream_exists"]:
        return Sign("waiting", f"There is a stream{_with_messages(newest)}, and nothing new in it.")
    return Sign("waiting", "There is no stream.")


def _is_new_stream(had: Row, row: Row) -> bool:
    if not row["stream_exists"]:
        return False
    return not had["stream_exists"] or _more(row["stream_created_at"], had["stream_created_at"])


def _keys_there(before: JobLooks, after: JobLooks, rows: tuple[Row, ...]) -> Sign:
    had, newest = before.last("redis"), rows[-1]
    if had is not None and pd.isna(had["total"]):
        there = _first(rows, lambda row: not pd.isna(row["total"]))
        if there is not None:
            return Sign("seen", f"There are counters of {images(int(there['total']))}.", there)
    elif had is not None:
        anew = _first(rows, lambda row: _more(row["pending_process"], had["pending_process"]))
        if anew is not None:
            left = images(int(anew["pending_process"]))
            return Sign("seen", f"The counters begin anew: {left} not processed.", anew)
        if had["pending_process"] == had["total"] and not pd.isna(newest["total"]):
            says = "Nothing was processed before it either: the counters look the same."
            return Sign("cant_tell", says, is_final=True)
    if pd.isna(newest["total"]):
        if after.status in FINAL_STATUSES:
            says = "The job has ended: counters may have come and gone between two looks."
            return Sign("cant_tell", says, is_final=True)
        return Sign("waiting", "There are no counters.")
    return Sign("waiting", "The counters have not begun anew.")


CANCELLED: dict[SourceName, Judge] = {
    "antenna": _revoked,
    "nats": _stream_gone,
    "redis": _keys_gone,
}
STARTED: dict[SourceName, Judge] = {
    "antenna": _running,
    "nats": _stream_there,
    "redis": _keys_there,
}


def _first(rows: tuple[Row, ...], holds: Callable[[Row], bool]) -> Row | None:
    """The first of the rows of which it holds; ``None``: it holds of none."""
    return next((row for row in rows if holds(row)), None)


def _with_messages(row: Row) -> str:
    return "" if pd.isna(row["messages"]) else f" with {int(row['messages']):,} messages"


def _same(one: object, other: object) -> bool:
    return not pd.isna(one) and one == other


def _more(new: object, old: object) -> bool:
    if pd.isna(new) or pd.isna(old):
        return False
    return bool(new > old)  # type: ignore[operator]
