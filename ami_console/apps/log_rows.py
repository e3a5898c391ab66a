"""The log lines of a job as rows: which of them, how many there are, and what kinds."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ami_console.logs.kinds import KINDS
from ami_console.metrics.arrays import NAT, Flags, Instants, instants
from ami_console.metrics.log_groups import pattern_of, troubled

MOST = 300
"""Lines that are shown at once."""

MOST_CHARACTERS = 4_000
"""Of a message that is shown."""

OTHER = "other"
"""What lines of no known kind are called."""

LEVELS = {
    "": "all levels",
    "warning": "warnings and errors",
    "error": "errors",
}
"""Level filters, and what the page calls them."""

_AT_LEAST = {
    "warning": ("WARNING", "ERROR", "CRITICAL"),
    "error": ("ERROR", "CRITICAL"),
}
_MINUTE_NS = 60 * 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """What lines the reader wants.

    Attributes:
        kinds: Only these (``other``: of no known kind); empty: all.
        level: A key of ``LEVELS``.
        source: Only lines of this log; empty: all.
        text: Only lines with this text, in small or capital letters.
        pattern: Only lines of trouble with this pattern (:func:`pattern_of`).
        minute: Only lines of the minute in which this instant lies.
    """

    kinds: frozenset[str] = frozenset()
    level: str = ""
    source: str = ""
    text: str = ""
    pattern: str = ""
    minute: pd.Timestamp | None = None

    @property
    def minute_at(self) -> pd.Timestamp | None:
        """The begin of the minute."""
        return None if self.minute is None else self.minute.tz_convert("UTC").floor("min")

    def without(self, name: str) -> "LogQuery":
        """The same without one of its wishes."""
        usual: Any = LogQuery()
        return replace(self, **{name: getattr(usual, name)})


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line.

    Attributes:
        at: Its instant.
        level, source, process, kind: ``None``: not told.
        message: Plain text, masked at the source; it may have several lines.
    """

    at: pd.Timestamp
    level: str | None
    source: str | None
    process: str | None
    kind: str | None
    message: str


@dataclass(frozen=True, kw_only=True)
class LogRows:
    """Some of a job's lines.

    Attributes:
        lines: Those that are shown, the newest first.
        matched: How many fit the query.
        total: How many are known.
        kinds: Kind → how many fit the rest of the query; most first.
        sources: The logs that lines are of.
        first_at, last_at: Oldest and newest line known; NaT: there is none.
        before, after: Nearest minutes with lines on both sides of the one asked for.
    """

    lines: tuple[LogLine, ...] = ()
    matched: int = 0
    total: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    first_at: pd.Timestamp = pd.NaT
    last_at: pd.Timestamp = pd.NaT
    before: pd.Timestamp | None = None
    after: pd.Timestamp | None = None


def log_rows(log_events: pd.DataFrame, query: LogQuery, *, most: int = MOST) -> LogRows:
    """The lines to show, and how many there are.

    Args:
        log_events: The ``log_events`` frame of one job.
        query: What is wanted.
        most: Lines at most; the newest of those that fit.
    """
    if log_events.empty:
        return LogRows()
    at_ns = instants(log_events, "logged_at")
    others = _fits(log_events, query)
    is_kind = _of_kinds(log_events, query.kinds)
    in_minute = _in_minute(at_ns, query)
    places = np.flatnonzero(others & is_kind & in_minute)
    # Lines of one second stand as they were read.
    order = places[np.argsort(at_ns[places], kind="stable")][::-1]
    known_ns = at_ns[at_ns != NAT]
    before, after = _around(at_ns[others & is_kind], query)
    return LogRows(
        lines=tuple(_lines(log_events, order[:most])),
        matched=len(places),
        total=len(log_events),
        kinds=_counts(log_events["kind"][others & in_minute]),
        sources=tuple(sorted(log_events["source"].dropna().unique())),
        first_at=_instant(known_ns.min()) if len(known_ns) else pd.NaT,
        last_at=_instant(known_ns.max()) if len(known_ns) else pd.NaT,
        before=before,
        after=after,
    )


def _fits(log_events: pd.DataFrame, query: LogQuery) -> Flags:
    """All wishes but those for kinds and for a minute."""
    fits = np.ones(len(log_events), dtype=bool)
    if query.level in _AT_LEAST:
        fits &= _flags(log_events["level"].isin(_AT_LEAST[query.level]))
    if query.source:
        fits &= _flags(log_events["source"] == query.source)
    if query.text:
        fits &= _flags(log_events["message"].str.contains(query.text, case=False, regex=False))
    if query.pattern:
        fits &= troubled(log_events)
        places = np.flatnonzero(fits)
        messages = log_events["message"].iloc[places].fillna("").to_list()
        fits[places] = [pattern_of(message) == query.pattern for message in messages]
    return fits


def _flags(column: "pd.Series[Any]") -> Flags:
    return np.asarray(column.to_numpy(dtype=bool, na_value=False), dtype=bool)


def _of_kinds(log_events: pd.DataFrame, kinds: frozenset[str]) -> Flags:
    if not kinds:
        return np.ones(len(log_events), dtype=bool)
    wanted = _flags(log_events["kind"].isin(kinds - {OTHER}))
    return wanted | _flags(log_events["kind"].isna()) if OTHER in kinds else wanted


def _in_minute(at_ns: Instants, query: LogQuery) -> Flags:
    minute = query.minute_at
    if minute is None:
        return np.ones(len(at_ns), dtype=bool)
    return np.asarray((at_ns >= minute.value) & (at_ns < minute.value + _MINUTE_NS), dtype=bool)


def _around(at_ns: Instants, query: LogQuery) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    minute = query.minute_at
    if minute is None:
        return None, None
    known = at_ns[at_ns != NAT]
    before, after = known[known < minute.value], known[known >= minute.value + _MINUTE_NS]
    return (
        _instant(before.max()).floor("min") if len(before) else None,
        _instant(after.min()).floor("min") if len(after) else None,
    )


def _counts(kinds: "pd.Series[Any]") -> dict[str, int]:
    counts = kinds.fillna(OTHER).value_counts()
    named = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {str(kind): int(number) for kind, number in named}


def _lines(log_events: pd.DataFrame, places: Any) -> list[LogLine]:
    held = log_events.iloc[places]
    columns = ("level", "source", "process", "kind", "message")
    told = {name: held[name].astype(object).where(held[name].notna(), None) for name in columns}
    rows = zip(held["logged_at"], *told.values(), strict=True)
    return [
        LogLine(
            at=at,
            level=level,
            source=source,
            process=process,
            kind=kind,
            message=shortened(message or ""),
        )
        for at, level, source, process, kind, message in rows
    ]


def shortened(message: str) -> str:
    """A message as it is shown: a very long one says how much is left out."""
    left = len(message) - MOST_CHARACTERS
    return message if left <= 0 else f"{message[:MOST_CHARACTERS]}… {left} characters more"


def meaning(kind: str) -> str:
    """What a kind of line says, in words."""
    if kind == OTHER:
        return "lines that say nothing that is counted"
    return KINDS[kind].rpartition(" [")[0] if kind in KINDS else kind


def _instant(at_ns: Any) -> pd.Timestamp:
    return pd.Timestamp(int(at_ns), tz="UTC")
