"""The job's story as lanes of time: what was so from when to when, and when it is not known."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.metrics import fetching as fetches
from ami_console.metrics.arrays import typed
from ami_console.metrics.runs import UNKNOWN, Run, runs
from ami_console.metrics.seen_job import SeenJob, seen_job
from ami_console.metrics.source_gaps import NS_PER_S, SOURCE_NAMES, Stretch, source_gaps
from ami_console.metrics.verdict_spans import Verdict, shown_verdicts
from ami_console.plain_text import one_line
from ami_console.reading import FINAL_STATUSES

SPANS: dict[str, str] = {
    "job_id": frames.COUNT,
    "lane": frames.TEXT,
    "value": frames.TEXT,
    "begins_at": frames.TIME,
    "ends_at": frames.TIME,
    "tone": frames.TEXT,
}

LANES: dict[str, str] = {
    "status": "the job's status, as Antenna tells it",
    "stream": "whether its stream and consumer are there",
    "fetching": "whether workers fetch its images",
    "verdict": "the worst that was found of it",
    "sources": "whether the sources could be read",
}
"""Lane → what it shows; the topmost first."""

NOT_KNOWN = "not known"

STATUS_TONES: dict[str, str] = {
    "CREATED": "muted",
    "PENDING": "active",
    "RECEIVED": "active",
    "STARTED": "active",
    "RETRY": "warn",
    "CANCELING": "warn",
    "SUCCESS": "good",
    "FAILURE": "bad",
    "REVOKED": "muted",
}
"""Of one that is new to us: ``warn``."""

_SEVERITY_TONES = {"critical": "bad", "warning": "warn", "info": "active"}
_LOOKED = ("antenna", "nats", "redis", "tap")


class _Span(NamedTuple):
    begin_ns: int
    end_ns: int
    value: str
    tone: str


def spans(
    job_id: int,
    *,
    as_of: pd.Timestamp,
    jobs: pd.DataFrame,
    consumers: pd.DataFrame,
    counters: pd.DataFrame,
    reads: pd.DataFrame,
    verdicts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The job's story as lanes, one row per stretch in which a lane shows the same.

    What lies between two looks with a gap between them is a stretch of its own, ``not known``;
    only what is over for good holds over a gap too. A stretch ends when it was first seen
    otherwise, the last one of a lane with the newest look.

    Args:
        job_id: The job.
        as_of: The instant judged at; nothing later is used.
        jobs, consumers, counters: These frames, of this job or of more.
        reads: The ``reads`` frame, or those of its rows that tell of gaps.
        verdicts: :func:`ami_console.diagnosis.verdicts`, or what a live watch said so far;
            without them there is no such lane.

    Returns:
        The columns of ``SPANS``, sorted by lane (in the order of ``LANES``) and time. ``value``
        is a word or two for people, ``tone`` one of good, active, warn, bad, muted, unknown.
    """
    seen = seen_job(job_id, as_of=as_of, jobs=jobs, consumers=consumers, counters=counters,
                    reads=reads)  # fmt: skip
    found = None if verdicts is None else shown_verdicts(verdicts, job_id, as_of=as_of)
    return spans_of(seen, gaps=source_gaps(reads, as_of=as_of), verdicts=found)


def spans_of(
    seen: SeenJob, *, gaps: pd.DataFrame, verdicts: Sequence[Verdict] | None
) -> pd.DataFrame:
    """:func:`spans` of what was prepared already.

    Args:
        seen: The job.
        gaps: :func:`~ami_console.metrics.source_gaps.source_gaps`.
        verdicts: Those on the job; ``None``: nothing was judged.
    """
    held: dict[str, list[_Span]] = {
        "status": _status(seen),
        "stream": _stream(seen),
        "fetching": _fetching(seen),
        "verdict": [] if verdicts is None else _verdict(seen, verdicts),
        "sources": _sources(seen, gaps),
    }
    rows = [(lane, span) for lane, each in held.items() for span in each]
    columns: dict[str, Any] = {
        "job_id": [seen.job_id] * len(rows),
        "lane": [lane for lane, _ in rows],
        "value": [span.value for _, span in rows],
        "begins_at": np.array([span.begin_ns for _, span in rows], dtype="int64"),
        "ends_at": np.array([span.end_ns for _, span in rows], dtype="int64"),
        "tone": [span.tone for _, span in rows],
    }
    return pd.DataFrame({name: typed(columns[name], dtype) for name, dtype in SPANS.items()})


def _told(found: Iterable[Run], words: dict[int, tuple[str, str]]) -> list[_Span]:
    unknown = {UNKNOWN: (NOT_KNOWN, "unknown")}
    return [_Span(run.begin_ns, run.end_ns, *(words | unknown)[run.code]) for run in found]


def _status(seen: SeenJob) -> list[_Span]:
    """Of a job that was started before it was first looked at: since its start."""
    if not len(seen.statuses):
        return []
    codes, names = pd.factorize(seen.statuses)  # missing is -1, which is UNKNOWN
    final = frozenset(code for code, name in enumerate(names) if name in FINAL_STATUSES)
    words = {
        code: (one_line(str(name)).lower(), STATUS_TONES.get(str(name), "warn"))
        for code, name in enumerate(names)
    }
    found = runs(
        seen.jobs_ns,
        codes,
        failed_ns=seen.failed_ns["antenna"],
        until_ns=seen.as_of_ns,
        lasting=final,
    )
    since_s = {"CREATED": "created_at", "STARTED": "started_at"}.get(seen.statuses[0])
    if since_s is not None and not np.isnan(seen.jobs[since_s][0]):
        began_ns = int(seen.jobs[since_s][0] * 1e9)
        found[0] = found[0]._replace(begin_ns=min(began_ns, found[0].begin_ns))
    return _told(found, words)


def _stream(seen: SeenJob) -> list[_Span]:
    looks = seen.consumers
    if not looks.rows:
        return []
    stream, consumer = looks["stream_exists"], looks["consumer_exists"]
    was = np.maximum.accumulate(stream)
    codes = np.select([stream & consumer, stream, was], [1, 2, 3], 0)
    words = {
        0: ("not yet", "muted"),
        1: ("there", "good"),
        2: ("no consumer", "warn"),
        3: ("gone", "muted" if seen.is_over else "bad"),
    }
    over = frozenset({3}) if seen.is_over else frozenset()
    return _told(
        runs(
            looks["observed_at_ns"],
            codes,
            failed_ns=seen.failed_ns["nats"],
            until_ns=seen.as_of_ns,
            lasting=over,
        ),
        words,
    )


def _fetching(seen: SeenJob) -> list[_Span]:
    looks = seen.consumers
    if not looks.rows:
        return []
    found = fetches.fetching(looks, seen.failed_ns["nats"], until_ns=seen.as_of_ns).runs
    words = {
        fetches.NOT_YET: ("nobody yet", "muted"),
        fetches.FETCHING: ("fetching", "good"),
        fetches.HANDED_OUT: ("all handed out", "active"),
        fetches.STOPPED: ("nobody fetches", "bad"),
    }
    told = _told(found, words)
    # Soon after the start nobody may have asked yet; later that is news.
    return [
        span._replace(tone="bad")
        if span.value == "nobody yet" and span.end_ns - span.begin_ns > fetches.QUIET_S * NS_PER_S
        else span
        for span in told
    ]


def _verdict(seen: SeenJob, found: Sequence[Verdict]) -> list[_Span]:
    """The worst at every instant; nothing was judged while nobody looked."""
    begin_ns = min([seen.begin_ns, *(each.begin_ns for each in found)])
    end_ns = max([seen.end_ns, *(each.end_ns for each in found)])

    def value(at_ns: int) -> tuple[str, str]:
        if any(pause.begin_ns <= at_ns < pause.end_ns for pause in seen.pauses):
            return NOT_KNOWN, "unknown"
        now = [each for each in found if each.begin_ns <= at_ns < each.end_ns]
        if not now:
            return "nothing found", "muted"
        worst = min(now, key=lambda each: (each.rank, each.begin_ns))
        return worst.code.replace("_", " "), _SEVERITY_TONES.get(worst.severity, "muted")

    edges = _edges(seen.pauses) + [edge for each in found for edge in (each.begin_ns, each.end_ns)]
    return _swept(begin_ns, end_ns, edges, value)


def _sources(seen: SeenJob, gaps: pd.DataFrame) -> list[_Span]:
    away: dict[str, list[Stretch]] = {name: [] for name in _LOOKED}
    for gap in gaps.to_dict("records"):
        if gap["source"] in away:
            away[gap["source"]].append(Stretch(gap["begins_at"].value, gap["ends_at"].value))

    def value(at_ns: int) -> tuple[str, str]:
        if any(pause.begin_ns <= at_ns < pause.end_ns for pause in seen.pauses):
            return "nobody looked", "unknown"
        missing = [
            SOURCE_NAMES[name].removeprefix("The ")
            for name, mine in away.items()
            if any(gap.begin_ns <= at_ns < gap.end_ns for gap in mine)
        ]
        return (f"no {', '.join(missing)}", "bad") if missing else ("all read", "good")

    edges = _edges([*seen.pauses, *(gap for mine in away.values() for gap in mine)])
    return _swept(seen.begin_ns, seen.end_ns, edges, value)


def _edges(stretches: Iterable[Stretch]) -> list[int]:
    return [edge for each in stretches for edge in (each.begin_ns, each.end_ns)]


def _swept(
    begin_ns: int, end_ns: int, edges: Iterable[int], value: Callable[[int], tuple[str, str]]
) -> list[_Span]:
    """Stretches between the edges; those that follow each other with the same value are one."""
    if end_ns <= begin_ns:
        return []
    inside = sorted({begin_ns, end_ns, *(e for e in edges if begin_ns < e < end_ns)})
    found: list[_Span] = []
    for left, right in pairwise(inside):
        word, tone = value(left)
        if found and found[-1].value == word:
            found[-1] = found[-1]._replace(end_ns=right)
        else:
            found.append(_Span(left, right, word, tone))
    return found
