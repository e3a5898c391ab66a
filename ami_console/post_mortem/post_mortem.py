"""What went wrong in a job's life, from whatever there is of it."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.diagnosis import Rules
from ami_console.frames import FrameSource
from ami_console.post_mortem import markup, words
from ami_console.post_mortem.cause import (
    CANT_TELL,
    NONE,
    WORTH_KNOWING,
    Cause,
    Suspect,
    heaviest_first,
)
from ami_console.post_mortem.endings import failed, lost_at_max_deliver, revoked
from ami_console.post_mortem.images import troubled_images
from ami_console.post_mortem.instants import clock, images
from ami_console.post_mortem.known import Known, known
from ami_console.post_mortem.lost_worker import handed_out_again
from ami_console.post_mortem.spoken import spoken
from ami_console.post_mortem.stalls import no_worker, results_backlog, source_down


@dataclass(frozen=True, kw_only=True, repr=False)
class PostMortem:
    """What went wrong in a job's life, and what tells so.

    All text is plain and may hold what Antenna's users typed: escape it where it is shown.

    Attributes:
        job_id: The job.
        name: What people call it; ``None`` unknown.
        status: Its last known status; ``None`` unknown.
        begun_at: When it was started; ``None`` unknown.
        ended_at: When it ended; ``None``: it has not, or that is unknown.
        as_of: The instant judged at; nothing later was used.
        total: Its images; ``None`` unknown.
        processed: Those that Antenna has a result or an error of; ``None`` unknown.
        failed: Those that failed; ``None`` unknown.
        cause: What went wrong above all.
        others: What else was wrong, the heaviest first.
        verdicts: :func:`ami_console.diagnosis.verdicts` in the job's life.
        happenings: :func:`ami_console.metrics.happenings`.
        images: One row per image that something happened to, see
            :func:`~ami_console.post_mortem.images.troubled_images`.
        told_by: What told of it: of ``looks``, ``saved job``, ``tap``, ``job log``,
            ``service logs``.
        not_known: What these can't tell, and what would.
    """

    job_id: int
    name: str | None
    status: str | None
    begun_at: pd.Timestamp | None
    ended_at: pd.Timestamp | None
    as_of: pd.Timestamp
    total: int | None
    processed: int | None
    failed: int | None
    cause: Cause
    others: tuple[Cause, ...]
    verdicts: pd.DataFrame
    happenings: pd.DataFrame
    images: pd.DataFrame
    told_by: tuple[str, ...]
    not_known: tuple[str, ...]

    def in_words(self, zone: ZoneInfo | None = None) -> list[str]:
        """Two to five paragraphs of plain text, as one would write them to a colleague.

        Args:
            zone: Whose wall time stands beside UTC for the job's begin and end.
        """
        return words.paragraphs(self, zone)

    def __repr__(self) -> str:
        return f"PostMortem(job {self.job_id}: {self.cause.code}: {self.cause.sentence})"

    def _repr_html_(self) -> str:
        return markup.html_of(self)


def post_mortem(
    source: FrameSource,
    job_id: int,
    *,
    as_of: pd.Timestamp | None = None,
    rules: Rules | None = None,
) -> PostMortem:
    """The cause of what went wrong in a job's life.

    It takes what there is: looks at the broker, the tap, the job's log, logs of Antenna's
    processes and of workers, or any of them alone. What those leave open is said in
    ``not_known``, not guessed.

    Args:
        source: Live history or a recording.
        job_id: The job.
        as_of: The instant judged at; nothing later is used. ``None``: the last that is known of
            the job, no later than a quarter of an hour after its end.
        rules: What the platform does by itself; as Antenna ships it when not given.

    Raises:
        UnknownJobError: Nothing is known of the job.
    """
    job = known(source, job_id, as_of=as_of, rules=rules)
    held = job.held
    troubled = troubled_images(
        job.tasks,
        consumers=held["consumers"],
        counters=held["counters"],
        advisories=held["advisories"],
        log_events=held["log_events"],
        as_of=job.as_of,
    )
    asked = (lost_at_max_deliver, no_worker, results_backlog, source_down, revoked)
    found = [suspect for ask in asked if (suspect := ask(job, troubled)) is not None]
    if (again := handed_out_again(job, troubled)) is not None:
        found.append(again)
    codes = {suspect.cause.code for suspect in found}
    found += [suspect for suspect in spoken(job, troubled) if suspect.cause.code not in codes]
    if (bad := failed(job, troubled)) is not None:
        found = [bad, *(each for each in found if each.cause.code not in _FAILED)]
    explained = {code for each in found for code in _EXPLAINS.get(each.cause.code, ())}
    ranked = heaviest_first(each for each in found if each.cause.code not in explained)
    chosen = ranked[0] if ranked and ranked[0].weight > WORTH_KNOWING else _nothing(job)
    others = [suspect for suspect in ranked if suspect is not chosen]
    return PostMortem(
        job_id=job_id,
        name=job.name,
        status=job.status,
        begun_at=job.begun_at,
        ended_at=job.ended_at,
        as_of=job.as_of,
        total=job.total,
        processed=job.processed,
        failed=job.failed,
        cause=chosen.cause,
        others=tuple(suspect.cause for suspect in others),
        verdicts=job.verdicts,
        happenings=job.happenings,
        images=troubled,
        told_by=job.told_by,
        not_known=(*chosen.not_known, *_gaps(job)),
    )


_FAILED = frozenset({"mostly_failing", "lost_images"})

_EXPLAINS: dict[str, frozenset[str]] = {
    "lost_at_max_deliver": _FAILED | {"redelivering", "not_returning", "results_backlog"},
    "no_worker": _FAILED,
    "worker_lost": frozenset({"redelivering", "not_returning"}),
}
"""Cause → what it brings about, and what is then no cause of its own."""


def _nothing(job: Known) -> Suspect:
    """Nothing was found: because nothing went wrong, or because not enough was seen."""
    total, day = job.total, job.begun_at
    again = job.numbers["redeliveries"]
    once = "; none was handed out twice" if again == 0 else ""
    seen = "looks" in job.told_by or job.log_is_whole
    done = job.status == "SUCCESS" and total is not None and job.processed == total
    if seen and (done or not job.is_over) and not job.failed:
        how = f"all {images(total)} were done" if done else "the job moves"
        return Suspect(
            WORTH_KNOWING,
            Cause(
                code=NONE,
                title="Nothing went wrong",
                sentence=f"Nothing went wrong: {how}{once}.",
                why=_all_well(job),
                next_step="Nothing has to be done.",
            ),
        )
    first = job.logged.get("first_line_at") if job.logged else None
    reach = (
        f"the log reaches back to {clock(first, day=day)} only"
        if first is not None
        else ("there are no looks at the broker and no log")
    )
    if seen:
        reach = "nothing that was seen explains it"
    end = "ended" if job.is_over else "was last seen"
    how = f"All {images(total)} were done{once}. " if done and not job.failed else ""
    return Suspect(
        WORTH_KNOWING,
        Cause(
            code=CANT_TELL,
            title="What went wrong, if anything, can't be told",
            sentence=f"{how}Whether anything held it up can't be told: {reach}."
            if not seen
            else f"The job {end} as {job.status}, and {reach}.",
            why="Antenna gives the newest lines of a job's log only, 1,000 if it is not asked for "
            "more." if first is not None and not seen else "The sources do not cover it.",
            next_step="Look at a recording of that time, at logs of Antenna's services, or ask "
            "for the whole log: `GET /jobs/N/?logs_limit=5000`.",
        ),
    )  # fmt: skip


def _all_well(job: Known) -> str:
    """What speaks for it."""
    if "looks" not in job.told_by:
        return "By the log every image was fetched, posted and saved, and nothing stood still."
    again = " or handed out again" if job.numbers["redeliveries"] == 0 else ""
    return f"No verdict spoke while it ran, and no image was lost, given up{again}."


def _gaps(job: Known) -> tuple[str, ...]:
    """What no cause names, because a way of knowing is lacking."""
    told: list[str] = []
    ways = set(job.told_by)
    if "looks" not in ways:
        told.append("how the queue stood from moment to moment: nobody looked at the broker")
    if not ways & {"tap", "job log", "service logs"}:
        told.append("what became of single images: only counters were read")
    if ways & {"job log", "service logs"} and not job.log_is_whole and "looks" not in ways:
        first = clock(job.logged.get("first_line_at"), day=job.begun_at)
        told.append(f"what happened before {first}: the log begins there")
    away = job.happenings[job.happenings["kind"].isin(("paused",))]
    told += [f"what happened while {title[:1].lower()}{title[1:]}" for title in away["title"]]
    return tuple(told)
