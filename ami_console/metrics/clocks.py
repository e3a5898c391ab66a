"""Clocks against each other, and the zone of Antenna's naive times against what was observed."""

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ami_console import frames

CLOCK_LIMIT_S = 5.0
"""Clocks further apart than this are said to disagree: ages and waits are told in seconds, and
Antenna's ``Date`` alone leaves one of them open."""

QUARTER_S = 900.0
"""Zones differ by whole quarter hours."""

SLOW_S = 4.0
"""So old may what Antenna answers be where nobody tells how long it took: the slowest seen."""

STREAM_WITHIN_S = 300.0
"""A job's stream is made within this after its start: in a blink as a rule, but first its images
are collected."""

LOOKS = 9
"""A source's clock offset is the median of so many looks, the newest."""

_ZONE_LIKE_S = 600.0
_REST_S = 60.0
_DATE_ERROR_S = 0.5

EVIDENCE: dict[str, str] = {
    "kind": frames.TEXT,
    "job_id": frames.COUNT,
    "observed_at": frames.TIME,
    "offset_s": frames.MEASURE,
    "error_s": frames.MEASURE,
}

OFFSETS: dict[str, str] = {
    "source": frames.TEXT,
    "observed_at": frames.TIME,
    "offset_s": frames.MEASURE,
    "error_s": frames.MEASURE,
    "n": frames.COUNT,
}

_DATED = frozenset({"antenna", "job_logs", "celery"})
_TIMES = ("created_at", "started_at", "finished_at", "updated_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneOffset:
    """How far Antenna's times, read with the zone in the settings, are from the true instants.

    Attributes:
        offset_s: Antenna's time minus the true instant, seconds; whole quarter hours where it
            looks like a zone. ``None``: can't tell.
        error_s: How far that can be wrong; ``None`` with an offset: it is at least that.
        n: Pieces of evidence that it rests on.
        verdict: What that means for the setting.
        looks_like: What disagrees: the ``zone``, or a ``clock``.
    """

    offset_s: float | None
    error_s: float | None
    n: int
    verdict: Literal["agrees", "disagrees", "cant_tell"]
    looks_like: Literal["zone", "clock"] | None = None


_CANT_TELL = ZoneOffset(offset_s=None, error_s=None, n=0, verdict="cant_tell")


def zone_evidence(
    jobs: pd.DataFrame,
    *,
    consumers: pd.DataFrame | None = None,
    reads: pd.DataFrame | None = None,
    zone: ZoneInfo | None = None,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """What speaks for or against the zone that Antenna's naive times were read with.

    Three kinds. ``updated``: a job's ``updated_at`` moved between two looks, so the true instant
    lies between them. ``future``: one of its times is later than the look that showed it; the
    offset is at least that, and ``error_s`` is missing. ``stream_created``: the broker, whose
    times are UTC, made the job's stream shortly after its ``started_at``; of a job that was
    started again this can be wrong by any amount.

    Args:
        jobs: The ``jobs`` frame, rows of lists and details in any order.
        consumers: The ``consumers`` frame: ``job_id``, ``observed_at``, ``stream_created_at``.
        reads: The ``reads`` frame; tells how old an answer may have been when it was in.
            Without it :data:`SLOW_S` is assumed.
        zone: The zone in the settings. Given, times of the hour that it repeats in autumn are
            left out: they are read in the first of the two.
        as_of: The instant judged at; later rows are left out.

    Returns:
        One row per piece: ``kind``, ``job_id`` (Int64), ``observed_at``, ``offset_s`` (Float64,
        Antenna's time minus the true instant) and ``error_s`` (Float64), by ``observed_at``.
        Pieces that can't tell one quarter hour from the next are left out.

    Source:
        REST ``updated_at``, ``created_at``, ``started_at``, ``finished_at``; JetStream's
        ``created`` of the stream.
    """
    known = jobs[jobs["job_id"].notna() & (jobs["observed_at"] <= as_of)]
    known = known.sort_values("observed_at", kind="stable")
    known = known.assign(
        **{column: _single(known[column], zone) for column in _TIMES},
        age_s=_ages(known["observed_at"], reads),
    )
    pieces = [_updated(known), _future(known)]
    if consumers is not None:
        pieces.append(_stream_created(known, consumers[consumers["observed_at"] <= as_of]))
    pieces = [piece for piece in pieces if len(piece)]
    if not pieces:
        return frames.table([], EVIDENCE)
    whole = pd.concat(pieces, ignore_index=True)
    whole = whole[~(whole["error_s"] >= QUARTER_S / 2).fillna(False)]
    whole = whole.sort_values(["observed_at", "job_id"], kind="stable", ignore_index=True)
    return whole[list(EVIDENCE)].astype(EVIDENCE)


def zone_offset(evidence: pd.DataFrame, *, clock_offset_s: float = 0.0) -> ZoneOffset:
    """What the evidence comes to.

    Moves of ``updated_at`` decide where there are any: the median of the finer half. Else times
    in the future prove an offset. Streams come last: one whose job started when it should
    speaks for the zone; against it only two, of two jobs, that say the same.

    Args:
        evidence: From :func:`zone_evidence`.
        clock_offset_s: Antenna's clock minus ours, seconds, where something else tells it: that
            much is not the zone's, and is taken off.
    """
    updated = evidence[evidence["kind"] == "updated"]
    if len(updated):
        finer = updated[updated["error_s"] <= updated["error_s"].median()]
        offset_s = finer["offset_s"].median() - clock_offset_s
        return _judged(offset_s, finer["error_s"].median(), len(updated))
    ahead_s = evidence.loc[evidence["kind"] == "future", "offset_s"] - clock_offset_s
    future = ahead_s[ahead_s > CLOCK_LIMIT_S]
    if len(future):
        at_least = float(future.max())
        return ZoneOffset(
            offset_s=at_least,
            error_s=None,
            n=len(future),
            verdict="disagrees",
            looks_like="zone" if at_least > _ZONE_LIKE_S else "clock",
        )
    return _by_streams(evidence[evidence["kind"] == "stream_created"])


def clock_offsets(reads: pd.DataFrame, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Each source's clock minus ours, seconds: the median of its newest looks.

    Args:
        reads: The ``reads`` frame: ``observed_at``, ``source``, ``ok``, ``elapsed_s``,
            ``clock_offset_s``.
        as_of: The instant judged at; later reads are left out.

    Returns:
        One row per source that was read, by name: ``source``, ``observed_at`` (the newest look
        that told), ``offset_s``, ``error_s`` (Float64: half the time that an answer took, and
        half a second more where the clock is an HTTP ``Date``) and ``n`` (Int64, looks it rests
        on). A source that tells no time has NA and 0: unknown, not 0.

    Source:
        HTTP ``Date``, ``now`` of ``/jsz`` or ``ts`` of a JetStream reply, Redis ``TIME``.
    """
    known = reads[(reads["observed_at"] <= as_of) & reads["source"].notna()]
    rows = []
    for source, mine in known.sort_values("observed_at", kind="stable").groupby("source"):
        told = mine[mine["ok"].fillna(False).astype(bool) & mine["clock_offset_s"].notna()]
        told = told.tail(LOOKS)
        floor_s = _DATE_ERROR_S if source in _DATED else 0.0
        rows.append(
            {
                "source": source,
                "observed_at": told["observed_at"].iloc[-1] if len(told) else pd.NaT,
                "offset_s": told["clock_offset_s"].median(),
                "error_s": (told["elapsed_s"].fillna(SLOW_S) / 2 + floor_s).median(),
                "n": len(told),
            }
        )
    return frames.table(rows, OFFSETS)


def _by_streams(streams: pd.DataFrame) -> ZoneOffset:
    offsets_s = streams.drop_duplicates("job_id", keep="last")["offset_s"].astype("float64")
    near = offsets_s[offsets_s.abs() <= STREAM_WITHIN_S]
    if len(near):
        return _judged(near.median(), STREAM_WITHIN_S, len(near))
    quarters_s = (offsets_s / QUARTER_S).round() * QUARTER_S
    is_zone = ((offsets_s - quarters_s).abs() <= _REST_S).all() and quarters_s.nunique() == 1
    if len(offsets_s) >= 2 and is_zone:
        return _judged(quarters_s.iloc[0], _REST_S, len(offsets_s))
    return _CANT_TELL


def _judged(offset_s: float, error_s: float, n: int) -> ZoneOffset:
    offset_s, error_s = float(offset_s), float(error_s)  # plain ones: they go into JSON
    if abs(offset_s) <= error_s + CLOCK_LIMIT_S:
        return ZoneOffset(offset_s=offset_s, error_s=error_s, n=n, verdict="agrees")
    quarters_s = round(offset_s / QUARTER_S) * QUARTER_S
    is_zone = quarters_s != 0 and abs(offset_s - quarters_s) <= error_s + _REST_S
    return ZoneOffset(
        offset_s=quarters_s if is_zone else offset_s,
        error_s=error_s,
        n=n,
        verdict="disagrees",
        looks_like="zone" if is_zone else "clock",
    )


def _updated(known: pd.DataFrame) -> pd.DataFrame:
    """Moves of ``updated_at`` forward, of each job from look to look."""
    told = known[known["updated_at"].notna()]
    # As old as its answer may be, a look that did not show it yet was before it.
    begun_at = told["observed_at"] - pd.to_timedelta(told["age_s"], unit="s")
    # A list may be older than a detail that was in before it: only what is newer than all counts.
    newest = told.groupby("job_id")["updated_at"].cummax()
    before = newest.groupby(told["job_id"]).shift()
    earliest = begun_at.groupby(told["job_id"]).cummax().groupby(told["job_id"]).shift()
    moved = (told["updated_at"] > before).fillna(False) & (earliest < told["observed_at"])
    told, earliest = told[moved], earliest[moved]
    half = (told["observed_at"] - earliest) / 2
    return _pieces(
        "updated",
        told,
        offset_s=(told["updated_at"] - (earliest + half)).dt.total_seconds(),
        error_s=half.dt.total_seconds(),
    )


def _future(known: pd.DataFrame) -> pd.DataFrame:
    """Of each job the time that is furthest ahead of the look that showed it."""
    ahead_s = (known[list(_TIMES)].max(axis="columns") - known["observed_at"]).dt.total_seconds()
    ahead_s = ahead_s[ahead_s > 0]
    furthest = ahead_s.groupby(known.loc[ahead_s.index, "job_id"]).idxmax()
    rows = known.loc[furthest]
    return _pieces("future", rows, offset_s=ahead_s.loc[furthest], error_s=np.nan)


def _stream_created(known: pd.DataFrame, consumers: pd.DataFrame) -> pd.DataFrame:
    """The newest start of each job against the newest stream of it."""
    started = known[known["started_at"].notna()].drop_duplicates("job_id", keep="last")
    streams = consumers[consumers["stream_created_at"].notna() & consumers["job_id"].notna()]
    streams = streams.sort_values("observed_at", kind="stable")
    streams = streams.drop_duplicates("job_id", keep="last")[["job_id", "stream_created_at"]]
    both = started.merge(streams, on="job_id")
    lead_s = (both["started_at"] - both["stream_created_at"]).dt.total_seconds()
    return _pieces("stream_created", both, offset_s=lead_s, error_s=STREAM_WITHIN_S)


def _pieces(kind: str, rows: pd.DataFrame, **values: "pd.Series | float") -> pd.DataFrame:
    held = rows[["job_id", "observed_at"]].assign(kind=kind, **values)
    return held[list(EVIDENCE)].astype(EVIDENCE)


def _ages(observed_at: pd.Series, reads: pd.DataFrame | None) -> pd.Series:
    """How old each answer may have been when it was in: as long as the look took, seconds."""
    if reads is None:
        return pd.Series(SLOW_S, index=observed_at.index)
    antenna = reads[reads["source"] == "antenna"].drop_duplicates("observed_at", keep="last")
    elapsed_s = antenna.set_index("observed_at")["elapsed_s"].astype("float64")
    return observed_at.map(elapsed_s).astype("float64").fillna(SLOW_S)


def _single(times: pd.Series, zone: ZoneInfo | None) -> pd.Series:
    """The times, without those that the zone's clocks show twice."""
    if zone is None or not len(times):
        return times
    naive = times.dt.tz_convert(zone).dt.tz_localize(None)
    is_twice = naive.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").isna()
    return times.mask(is_twice)
