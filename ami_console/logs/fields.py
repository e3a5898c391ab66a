"""What stands in the lines of a known wording: how it looks, and what value it is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ami_console import reply_subject

Converter = Callable[[str], Any]

_COUNT = r"([0-9]{1,18})"
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,24})?)"
_UUID = r"([0-9a-f-]{36})"

# Words of letters, and short numbers, apart: no room for a token, which mixes both.
_PART, _BETWEEN = r"(?:[A-Za-z]{1,24}|v?[0-9]{1,6})", r"[ #\"'().,_-]"
_HARMLESS = re.compile(
    rf"{_BETWEEN}{{0,4}}{_PART}(?:{_BETWEEN}{{1,4}}{_PART})*{_BETWEEN}{{0,4}}", re.ASCII
)
_SUBJECT = re.compile(r"\$JS(?:\.[\w-]{1,32}){8,16}", re.ASCII)


@lru_cache(maxsize=20_000)
def _share(percent: str) -> float | None:
    value = float(percent) / 100
    return value if value <= 1 else None


@lru_cache(maxsize=20_000)
def _elapsed_s(text: str) -> float:
    """Seconds of ``1h 02m 03s``."""
    total = 0
    for part in text.split():
        total += int(part[:-1]) * {"h": 3600, "m": 60, "s": 1}[part[-1]]
    return float(total)


def _minutes_s(text: str) -> float:
    return float(text) * 60


def _span_s(text: str) -> float:
    """Seconds of ``0:01:00``."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600.0 + int(minutes) * 60 + int(seconds)


def _ids(text: str) -> str | None:
    """Image ids of a printed list, the whole one where there is a shortened one too."""
    _, _, whole = text.partition("full IDs:")
    return ",".join(re.findall(r"'([0-9]{1,19})'", whole or text)) or None


def _subject(text: str) -> reply_subject.ReplySubject | None:
    """``None`` also of a subject that may hold something to mask."""
    return reply_subject.parse(text) if _SUBJECT.fullmatch(text) else None


@lru_cache(maxsize=20_000)
def _harmless(text: str) -> bool:
    """Whether there is no room for anything that must be masked."""
    return len(text) < 200 and _HARMLESS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Field:
    """What may stand in a form.

    Attributes:
        pattern: What it looks like; with one group for each text that ``convert`` is for.
        column: Where its value goes; empty: nowhere.
        convert: Text → value; ``None``: the text itself.
    """

    pattern: str
    column: str = ""
    convert: Converter | None = None


FIELDS: Mapping[str, Field] = {
    **{
        name: Field(_COUNT, name, int)
        for name in (
            "job_id",
            "requested",
            "delivered",
            "ack_floor",
            "num_pending",
            "num_ack_pending",
            "num_redelivered",
            "max_deliver",
            "max_ack_pending",
            "stream_seq",
            "processed",
            "total",
            "remaining",
            "failed",
        )
    },
    **{name: Field(_NUMBER, name, float) for name in ("duration_s", "ack_wait_s", "rate_per_min")},
    "percent": Field(_NUMBER, "ratio", _share),
    "elapsed": Field(r"((?:[0-9]{1,6}h )?[0-9]{1,2}m [0-9]{1,2}s)", "duration_s", _elapsed_s),
    "minutes": Field(_NUMBER, "duration_s", _minutes_s),
    "span": Field(r"([0-9]{1,6}:[0-9]{2}:[0-9]{2})", "duration_s", _span_s),
    # These are greedy, so that the engine finds their end from behind; converted, they are checked.
    "subject": Field(r"(\$JS\.ACK\..{1,400})", "subject", _subject),
    "client": Field(r"user=(.{0,320}), token_id=(.{0,320})", "client"),
    "name": Field(r"(.{1,200})", "name", _harmless),
    "task_id": Field(_UUID, "task_id"),
    "task": Field(r"(?:[a-z_]{1,40}\.){0,8}([a-z_]{1,64})", "stage"),
    "stage": Field(r"([a-z_]{1,32})", "stage"),
    "status": Field(r"([A-Z_]{1,24})", "status"),
    "image": Field(r"([0-9]{1,19})", "image_ids"),
    "ids": Field(r"(.*)", "image_ids", _ids),
    # no column of their own
    "n": Field(r"[0-9]{1,18}"),
    "was": Field(r"[A-Z_]{1,24}"),
    "number": Field(_NUMBER.replace("(", "(?:", 1)),
    "eta": Field(r"(?:unknown|[0-9hms ]{1,24})"),
    "good": Field(r"2[0-9]{2}"),
    "bad": Field(r"[13-9][0-9]{2}"),
    "uuid": Field(_UUID.strip("()")),
    "any": Field(r".*"),
}

PLACE = re.compile(r"\{([a-z_]+)\}")
"""A field in a form."""

SUBJECT_COLUMNS = ("delivery", "stream_seq", "consumer_seq", "stored_at", "num_pending_then")
"""Columns of a reply subject, in the order of :class:`~ami_console.reply_subject.ReplySubject`
behind ``job_id``."""

FREE = frozenset({"any", "ids"})
"""Fields that may hold anything: a line with one of them is masked."""
