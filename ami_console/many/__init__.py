"""Many jobs at once: metrics per job over one or several recordings, on one core or under Dask."""

from ami_console.many.by_week import by_week, redeliveries
from ami_console.many.per_job import per_job
from ami_console.many.summary_row import summary_row

__all__ = ["by_week", "per_job", "redeliveries", "summary_row"]
