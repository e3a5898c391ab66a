"""Where in a recording something happened: what the reader jumps to."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import Tone
from ami_console.diagnosis import Rules, verdicts
from ami_console.frames import FrameSource
from ami_console.live_diagnosis import LOOK_BACK_S
from ami_console.reading import FINAL_STATUSES

AWAY_S = 30.0
"""Nobody looked at anything for longer than this: that is worth a stop."""

PIECE_S = 6 * 3600.0
"""So much of a recording that was not judged live is judged at a time, seconds."""

SOURCES = {
    "antenna": "Antenna",
    "nats": "NATS",
    "redis": "Redis",
    "tap": "The tap",
    "job_logs": "The job's log",
    "log_files": "Log files",
    "celery": "Celery's queues",
}

TONES: dict[str, Tone] = {"critical": "bad", "warning": "warn", "info": "active"}


class Stop(NamedTuple):
    """Something that happened.

    Attributes:
        at: When it was first seen.
        title: What, in a few words; may hold text of others.
        job_id: Of which job; ``None``: of no single one.
        tone: How bad it is.
    """

    at: pd.Timestamp
    title: str
    job_id: int | None
    tone: Tone


def stops(
    source: FrameSource, *, since: pd.Timestamp, until: pd.Timestamp, rules: Rules | None = None
) -> list[Stop]:
    """What happened between two instants, in order: verdicts, jobs, sources.

    Each stands at the instant from which on it can be seen.

    Args:
        source: Of the frames; read piece by piece.
        since, until: From when to when.
        rules: What the platform does by itself, for what was not judged live.
    """
    found: list[Stop] = []
    begin = since
    before = since - pd.Timedelta(seconds=LOOK_BACK_S)
    while begin <= until:
        end = min(begin + pd.Timedelta(seconds=PIECE_S), until)
        jobs = source.frame("jobs", since=before, until=end)
        reads = source.frame("reads", since=before, until=end)
        piece = [*of_jobs(jobs), *of_sources(reads)]
        if (reads["source"] == "diagnosis").any():
            findings = source.frame("findings", since=before, until=end)
            piece += of_findings(findings, reads)
        else:
            piece += of_verdicts(verdicts(source, as_of=end, since=before, rules=rules))
        is_first = begin == since
        found += [s for s in piece if begin < s.at <= end or (is_first and s.at == begin)]
        before = end - pd.Timedelta(seconds=LOOK_BACK_S)
        if end == until:
            break
        begin = end
    return sorted(found, key=lambda stop: stop.at)


def of_jobs(jobs: pd.DataFrame) -> Iterator[Stop]:
    """Jobs that were new, and changes of status.

    Args:
        jobs: The ``jobs`` frame.
    """
    known = jobs[jobs["status"].notna()].sort_values(["job_id", "observed_at"], kind="stable")
    if known.empty:
        return
    first_at = known["observed_at"].min()
    job_ids = known["job_id"].to_numpy("int64")
    statuses = known["status"].to_numpy(dtype=object)
    is_new = np.append(True, job_ids[1:] != job_ids[:-1])
    turned = is_new | np.append(True, statuses[1:] != statuses[:-1])
    for row in np.flatnonzero(turned).tolist():
        at = known["observed_at"].iloc[row]
        if is_new[row] and (at - first_at).total_seconds() < AWAY_S:
            continue  # it was there when the watch began
        state = formats.state_of(statuses[row])
        what = "new, " if is_new[row] else ""
        tone: Tone = state.tone if statuses[row] in FINAL_STATUSES else "active"
        job_id = int(job_ids[row])
        yield Stop(at, f"Job {job_id}: {what}{state.word}", job_id, tone)


def of_sources(reads: pd.DataFrame) -> Iterator[Stop]:
    """When a source could no longer be read, and could again; and when nobody had looked.

    Args:
        reads: The ``reads`` frame.
    """
    for source, mine in reads.groupby("source"):
        if source not in SOURCES:
            continue
        at, ok = mine["observed_at"], mine["ok"].to_numpy(dtype=bool, na_value=False)
        turned = np.append(not ok[0], ok[1:] != ok[:-1])
        for row in np.flatnonzero(turned).tolist():
            name = SOURCES[str(source)]
            if ok[row]:
                yield Stop(at.iloc[row], f"{name} can be read again", None, "good")
            else:
                yield Stop(at.iloc[row], f"{name} can't be read", None, "bad")
    at = reads["observed_at"].sort_values(kind="stable")
    away_s = at.diff().dt.total_seconds().to_numpy()
    for row in np.flatnonzero(away_s > AWAY_S).tolist():
        for_s = formats.duration(away_s[row])
        yield Stop(at.iloc[row], f"The first look after {for_s} without any", None, "muted")


def of_findings(findings: pd.DataFrame, reads: pd.DataFrame) -> Iterator[Stop]:
    """When a live watch began to say something, and when it said it no more.

    Args:
        findings: The ``findings`` frame.
        reads: The ``reads`` frame: it tells when was judged.
    """
    is_judged = (reads["source"] == "diagnosis") & reads["ok"].fillna(False)
    judged = reads.loc[is_judged.fillna(False), "observed_at"].drop_duplicates().sort_values()
    looks = judged.array.asi8
    keys = findings.groupby(["code", "job_id", "subject"], dropna=False, sort=False)
    for (code, job_id, _), mine in keys:
        place = np.searchsorted(looks, mine["observed_at"].array.asi8)
        begins = np.flatnonzero(np.append(True, np.diff(place) > 1))
        ends = np.append(begins[1:], len(mine)) - 1
        job = None if pd.isna(job_id) else int(job_id)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            first = mine.iloc[begin]
            tone = TONES.get(str(first["severity"]), "active")
            if place[begin] > 0:  # else it may have stood before
                yield Stop(first["observed_at"], _began(first["title"], job), job, tone)
            if place[end] + 1 < len(looks):
                over_at = pd.Timestamp(int(looks[place[end] + 1]), tz="UTC")
                yield Stop(over_at, _over(str(code), job), job, "good")


def of_verdicts(told: pd.DataFrame) -> Iterator[Stop]:
    """When something would have been said, and withdrawn, had anybody judged.

    Args:
        told: :func:`ami_console.diagnosis.verdicts`.
    """
    for row in told[told["hidden_by"].isna()].to_dict("records"):
        job = None if pd.isna(row["job_id"]) else int(row["job_id"])
        tone = TONES.get(str(row["severity"]), "active")
        yield Stop(row["spoken_at"], _began(row["title"], job), job, tone)
        if not pd.isna(row["withdrawn_at"]):
            yield Stop(row["withdrawn_at"], _over(str(row["code"]), job), job, "good")


def _began(title: str, job_id: int | None) -> str:
    return title if job_id is None else f"Job {job_id}: {title}"


def _over(code: str, job_id: int | None) -> str:
    what = code.replace("_", " ")
    return f"{what.capitalize()}: over" if job_id is None else f"Job {job_id}: {what}, over"
