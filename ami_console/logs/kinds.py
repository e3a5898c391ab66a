"""The kinds of log lines that carry evidence: their wording, their meaning, what they tell.

The wording is that of Antenna's processes and of its workers; versions differ in it, so a kind
may have several forms. A form is plain text with fields in braces, see
:data:`ami_console.logs.fields.FIELDS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ami_console.logs.fields import FIELDS, PLACE, SUBJECT_COLUMNS

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
        columns: dict[str, None] = {}
        for form in self.forms:
            for name in PLACE.findall(form):
                column = FIELDS[name].column
                columns |= dict.fromkeys(SUBJECT_COLUMNS if column == "subject" else (column,))
        return tuple(column for column in columns if column not in {"", "name"})


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
    kind.name: f"{kind.meaning} [{', '.join(kind.columns)}]" for kind in TABLE
}
"""Kind → what it says, and in brackets the columns of ``log_events`` that its line fills.

In Celery's log ``occurrences``, ``result_error``, ``saved`` and ``task_done`` also fill job_id and
those of a reply subject (delivery, stream_seq, consumer_seq, stored_at, num_pending_then), from the
lines before: a process saves one result at a time.
"""
