"""The kinds of log lines that carry evidence: their wording, their meaning, what they tell.

The wording is that of Antenna's processes and of its workers; versions differ in it, so a kind
may have several forms. A form is plain text with fields in braces; a field is a column of the
frame ``log_events`` or one of the few of :data:`FIELDS` that become columns.
"""

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

FREE = frozenset({"any", "ids"})
"""Fields that may hold anything: a line with one of them is masked."""

_STATE = (
    "(delivered={delivered} ack_floor={ack_floor} num_pending={num_pending} "
    "num_ack_pending={num_ack_pending} num_redelivered={num_redelivered})"
)
_CONSUMER = "job-{job_id}-consumer"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of line.

    Attributes:
        name: Value of the column ``kind``.
        meaning: What it says, and who wrote it.
        forms: The wordings, the usual one first.
    """

    name: str
    meaning: str
    forms: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that its forms name."""
        fields = (FIELDS[name] for form in self.forms for name in PLACE.findall(form))
        named = dict.fromkeys(field.column for field in fields)
        shown = ("message" if column == "subject" else column for column in named)
        return tuple(column for column in shown if column not in {"", "name"})


TABLE: tuple[Kind, ...] = (
    # ---- a worker's requests, as the web process sees them
    Kind(
        "fetched",
        "a worker got images; the job log and Django",
        ("Tasks fetched: requested={requested}, delivered={delivered}, {client}",),
    ),
    Kind(
        "fetch_refused",
        "a worker asked for images of a job that is not active",
        (
            "Tasks requested for non-active job (status={status}); returning empty. {client}",
            "Tasks requested for non-active job (status={status}){any}",
        ),
    ),
    Kind(
        "reserved",
        "images were taken from the stream, right before fetched; Django",
        (
            "Reserved {delivered} tasks from stream for job '{job_id}'",
            "Reserved {delivered} tasks from stream for job {job_id}",
        ),
    ),
    Kind(
        "reserve_failed",
        "no images could be taken from the stream",
        ("Failed to reserve tasks from stream for job '{job_id}': {any}",),
    ),
    Kind(
        "posted",
        "a worker's result came in and was queued for Celery; Django writes it twice",
        (
            "Queued pipeline result: task_id={task_id}, reply_subject={subject}, {client}",
            "Queued pipeline result for job {job_id}, task_id: {task_id}, reply_subject: {subject}",
            "Queued pipeline result: task_id={task_id}, reply_subject={subject}",
        ),
    ),
    Kind(
        "workers_online",
        "of the services of the job's pipeline (total) so many were seen lately (processed)",
        (
            "Waiting for workers to pick up tasks for pipeline '{any}' "
            "({processed}/{total} online{any})",
            "Waiting for workers to pick up tasks{any}",
        ),
    ),
    Kind(
        "no_workers",
        "no service of the job's pipeline was seen for an hour",
        ("Zero workers have been seen for pipeline {any}",),
    ),
    Kind(
        "services_offline",
        "services without a heartbeat were marked offline",
        ("Marking {total} async service(s) offline (no heartbeat within {span}).",),
    ),
    # ---- Celery saves a result
    Kind(
        "processing",
        "Celery begins to save a result",
        ("Processing pipeline result for job {job_id}, reply_subject: {subject}",),
    ),
    Kind(
        "acked",
        "a result is saved and its message acknowledged",
        ("Successfully acknowledged task via NATS: {subject}",),
    ),
    Kind(
        "ack_failed",
        "a message could not be acknowledged",
        (
            "Failed to acknowledge task via NATS: {subject}",
            "Error acknowledging task via NATS: {any}",
        ),
    ),
    Kind(
        "throughput",
        "images since the job's start, and their rate",
        (
            "Job {job_id} throughput: elapsed={elapsed}, processed={processed}/{total}, "
            "rate={rate_per_min} imgs/min, ETA={eta}",
        ),
    ),
    Kind(
        "progress",
        "the job's stage process after a result",
        (
            " Job {job_id} progress: {processed}/{total} images processed ({percent}%), "
            "{remaining} remaining, {failed} failed, {n} just processed",
        ),
    ),
    Kind(
        "pending",
        "a counter in Redis after a result; ratio is what is done",
        (
            "Pending images from Redis for job {job_id} {stage}: {remaining}/{total}: {percent}%",
            "Pending images from Redis for job {job_id}: {remaining}/{total}: {percent}%",
        ),
    ),
    Kind(
        "stage_updated",
        "a stage's progress was written to the database",
        ("Updated job {job_id} progress in stage '{stage}' to {percent}%",),
    ),
    Kind(
        "stage_lifted",
        "a stage was at 100 % although this result is not the last; ratio is what it gave",
        (
            "Stage '{stage}' progress lifted to 100% by max() guard: this worker passed "
            "{percent}%{any}",
        ),
    ),
    Kind(
        "saved",
        "a result was written to the database; duration_s is what that took",
        ("Saved results from pipeline {name} in {duration_s} seconds",),
    ),
    Kind(
        "occurrences",
        "a result has detections; image_ids is the image; in Celery's log with its message",
        ("Determining occurrences for {n} detections for source image {image}",),
    ),
    Kind(
        "result_error",
        "a worker could not process an image; in Celery's log with its message",
        ("Pipeline returned error for job {job_id}, image {image}: {any}",),
    ),
    Kind(
        "result_failed",
        "Celery could not save a result",
        ("Error processing pipeline result for job {job_id}: {any}",),
    ),
    Kind(
        "late_result",
        "a result came after the job's end and was thrown away",
        (
            "Job {job_id}: result arrived after the job already finished (status={status}, "
            "stage={stage}){any}",
        ),
    ),
    Kind(
        "state_missing",
        "the job's counters in Redis are gone; duration_s is how long it ran",
        (
            "Job {job_id}: progress state missing while the job is still running "
            "(status={status}, stage={stage}, age={duration_s}s){any}",
        ),
    ),
    Kind(
        "counters_failed",
        "Redis could not be written; Celery will try again",
        (
            "Transient Redis error updating job {job_id} state (stage={stage}){any}",
            "Failed to update job {job_id} state in Redis{any}",
        ),
    ),
    Kind(
        "crops_failed",
        "pictures of detections could not be cut out of an image; nothing waits for them",
        ("Error creating detection images for SourceImage {image}: {any}",),
    ),
    # ---- a job begins and ends
    Kind(
        "running", "the job's task begins in Celery", ('Running job #{job_id} "{any}" ({status})',)
    ),
    Kind(
        "status",
        "the job's status changes; status is the new one",
        ("Changing status of job {job_id} from {was} to {status}",),
    ),
    Kind(
        "status_mismatch",
        "status and progress of a job disagree; status is the job's",
        ('Job #{job_id} "{any}" ({status}) status mismatches progress: {any}',),
    ),
    Kind(
        "counters_created",
        "the job's counters are in Redis",
        ("Initialized task state tracking for {total} images",),
    ),
    Kind(
        "published",
        "an image is in the stream, as message stream_seq; Celery",
        ("Published task to stream for job '{job_id}', sequence {stream_seq}",),
    ),
    Kind(
        "publish_failed",
        "an image could not be put into the stream",
        ("Failed to publish task to stream for job '{job_id}': {any}",),
    ),
    Kind(
        "queued",
        "all images are in the stream",
        ("Successfully queued {processed}/{total} images to stream for job '{job_id}'",),
    ),
    Kind(
        "stream_created",
        "the job's stream was made",
        ("Created NATS stream job_{job_id}", "Created stream job_{job_id}"),
    ),
    Kind(
        "consumer_created",
        "the job's consumer was made",
        (
            f"Created NATS consumer {_CONSUMER} (max_deliver={{max_deliver}}, "
            "ack_wait={ack_wait_s}s, max_ack_pending={max_ack_pending}{any})",
            f"Created consumer {_CONSUMER}",
        ),
    ),
    Kind(
        "consumer_state",
        "the consumer's counters, before every fetch and with every health check",
        (
            f"Reusing NATS consumer {_CONSUMER} {_STATE}",
            f"NATS consumer status {_CONSUMER} {_STATE}",
        ),
    ),
    Kind(
        "finalizing",
        "the consumer's last counters, before it is deleted",
        (f"Finalizing NATS consumer {_CONSUMER} before deletion {_STATE}",),
    ),
    Kind(
        "consumer_deleted",
        "the job's consumer is gone",
        (
            f"Deleted NATS consumer {_CONSUMER} for job '{{n}}'",
            f"Deleted consumer {_CONSUMER} for job '{{n}}'",
        ),
    ),
    Kind(
        "stream_deleted",
        "the job's stream is gone",
        (
            "Deleted NATS stream job_{job_id} for job '{n}'",
            "Deleted stream job_{job_id} for job '{n}'",
        ),
    ),
    Kind(
        "cleaned_up",
        "the job's counters in Redis, or its stream and consumer, were removed",
        (
            "Cleaned up NATS resources for job {job_id}",
            "Cleaned up Redis state for job {job_id}",
        ),
    ),
    Kind(
        "completed",
        "all stages are at 100 %; what belongs to the job is removed next",
        ("is_complete()=True after stage='{stage}' update{any}",),
    ),
    Kind(
        "job_failed",
        "the job could not go on",
        (
            "Job {job_id} marked as {status}: {any}",
            'Job #{job_id} "{any}" failed: {any}',
        ),
    ),
    Kind(
        "health_check",
        "the health check marked images of an idle job as failed; image_ids are as many as "
        "the line names",
        (
            "jobs_health_check: marked {failed} image(s) as failed (job idle past cutoff; NATS "
            "consumer num_pending={num_pending} num_ack_pending={num_ack_pending} "
            "num_redelivered={num_redelivered}). IDs: {ids}",
            "jobs_health_check: marked {failed} image(s) as failed{ids}",
        ),
    ),
    Kind(
        "reaped",
        "the health check ended a job; status is what it was, duration_s how long nothing came",
        (
            "Reaping stalled job: no progress for {minutes} min (threshold {n} min). "
            "previous_status={status}{any}",
        ),
    ),
    Kind(
        "health_tick",
        "one part of a health check looked at so many jobs or streams (total)",
        (
            "lost_images check: {total} candidate(s), {any}",
            "stale_jobs check: {total} stale job(s), {any}",
            "running_job_snapshots check: {total} running async job(s), {any}",
            "zombie_streams check: {total} stream(s) inspected, {any}",
        ),
    ),
    # ---- Celery itself
    Kind(
        "task_received",
        "Celery took a task; stage is its name",
        ("Task {task}[{task_id}] received",),
    ),
    Kind(
        "task_done",
        "a Celery task ended well; one that saved a result with its message",
        (
            "Task {task}[{task_id}] succeeded in {duration_s}s: None",
            "Task {task}[{task_id}] succeeded in {duration_s}s: {any}",
        ),
    ),
    Kind(
        "task_failed", "a Celery task ended with an error", ("Task {task}[{task_id}] raised {any}",)
    ),
    Kind(
        "task_retried",
        "a Celery task will be tried again in duration_s",
        (
            "Task {task}[{task_id}] retry: Retry in {duration_s}s{any}",
            "Task {task}[{task_id}] retry: {any}",
        ),
    ),
    Kind(
        "task_revoked", "a Celery task is not to be run", ("Tasks flagged as revoked: {task_id}",)
    ),
    Kind(
        "process_started",
        "a process of Antenna is up",
        ("Booting worker with pid: {n}", "Listening at: {any}", "celery@{any} ready."),
    ),
    Kind(
        "process_stopped",
        "a process of Antenna goes down",
        (
            "Handling signal: {any}",
            "Worker exiting (pid: {n})",
            "Shutting down: Master",
            "worker: Warm shutdown{any}",
            "worker: Cold shutdown{any}",
        ),
    ),
    # ---- a worker's own output
    Kind(
        "worker_fetched",
        "the worker got images",
        (
            "job {job_id} reserved {delivered}",
            "job {job_id} reserved {delivered} ({any})",
        ),
    ),
    Kind(
        "worker_posted",
        "the worker handed in results",
        (
            "job {job_id} posted {delivered} -> {good}",
            "Successfully posted {delivered} results to {any}/jobs/{job_id}/result/{any}",
        ),
    ),
    Kind(
        "worker_failed",
        "the worker could not hand in results",
        (
            "job {job_id} posted {delivered} -> {bad}",
            "job {job_id} result failed {any}",
            "job {job_id} posting failed {any}",
            "Failed to post {delivered} results for job {job_id} {any}",
            "Failed to post results to {any}/jobs/{job_id}/result/{any}",
        ),
    ),
    Kind(
        "worker_crashed",
        "the worker died with images in its hands",
        ("CRASH with {delivered} reserved, unposted",),
    ),
    Kind(
        "worker_batch",
        "the worker is through with a batch; total is what it did since its start",
        (
            "Finished batch {n}. Total items: {total}",
            "Total items processed so far: {total}",
        ),
    ),
    Kind(
        "worker_batch_failed",
        "the worker could not process a batch",
        ("Batch {n} failed during processing: {any}",),
    ),
    Kind(
        "worker_idle",
        "the worker found nothing to do",
        (
            "no jobs, sleeping {any}",
            "No jobs found, sleeping {any}",
            "[GPU {n}] No jobs found{any}",
        ),
    ),
)

PLAIN: tuple[str, ...] = (
    "Created {n} new detections, updated {n} existing detections, for {n} source image(s)",
    "Created {n} new classifications, updated {n} existing classifications for {n} detections.",
    "Creating detection images in sub-task {uuid}",
    "Updated the determination of {n} occurrences, left {n} unchanged",
    "Updated {n} detections with occurrences",
    "Created {n} new occurrences",
    "Saving results from pipeline {name}",
    "Successfully saved results for job {job_id}",
    "Algorithms registered for pipeline: ",
    "Updating calculated fields for {n} source images",
    "Updating pre-calculated fields for {n} events",
    "Created detection images for {n} capture(s) in {number} seconds",
    "TIME: Updated job {job_id} progress in PROCESS stage progress to {number}%: {number}s",
    "Saved pipeline results to database with {n} detections, percentage: {number}%: {number}s",
)
"""Lines that come with every image and carry no evidence: of no kind, but known to be harmless."""

KINDS: Mapping[str, str] = {
    kind.name: f"{kind.meaning} ({', '.join(kind.columns) or 'no fields'})" for kind in TABLE
}
"""Kind → what it says, and the columns of ``log_events`` that it fills where its line has them.

``message`` stands for the columns of a reply subject: delivery, stream_seq, consumer_seq,
stored_at, num_pending_then. In Celery's log also ``occurrences``, ``result_error``, ``saved`` and
``task_done`` have them: a process saves one result at a time.
"""
