"""Rows of the ``counters`` frame from the raw values of one job's Redis keys."""

from ami_console.reading import Row
from ami_console.sources.values import count


def counter_row(
    job_id: int,
    *,
    observed_at: int,
    total: object,
    pending_process: object,
    pending_results: object,
    failed: object,
    ttl_s: object,
) -> Row:
    """One job's counters, images.

    Without the total key the job's state is gone, and the sets say nothing: an empty set is a
    missing key in Redis. Then every count is missing, not 0.

    Args:
        job_id: Number of the job.
        observed_at: When the answer was in, ns since the epoch.
        total: ``GET job:{id}:pending_images_total``.
        pending_process: ``SCARD job:{id}:pending_images:process``.
        pending_results: ``SCARD job:{id}:pending_images:results``.
        failed: ``SCARD job:{id}:failed_images``.
        ttl_s: ``TTL`` of the total key, seconds; negative (never, no key) is missing.

    Source:
        Redis. Any value may be an error reply (an exception): it is missing then.
    """
    images = count(total)
    gone = images is None
    return {
        "observed_at": observed_at,
        "job_id": job_id,
        "total": images,
        "pending_process": None if gone else count(pending_process),
        "pending_results": None if gone else count(pending_results),
        "failed": None if gone else count(failed),
        "ttl_s": None if gone else count(ttl_s),
    }
