"""One module per check; importing this package registers all of them.

Specific ones first: what explains others stands before them in the documentation.
"""

from ami_console.diagnosis.checks import (
    at_capacity,
    clock_skew,
    done_not_closed,
    duplicate_tasks,
    lost_at_max_deliver,
    lost_images,
    mostly_failing,
    no_worker,
    not_returning,
    redelivering,
    results_backlog,
    slow,
    source_down,
    starved,
    state_gone,
    stuck_canceling,
    zombie_stream,
)

__all__ = [
    "at_capacity",
    "clock_skew",
    "done_not_closed",
    "duplicate_tasks",
    "lost_at_max_deliver",
    "lost_images",
    "mostly_failing",
    "no_worker",
    "not_returning",
    "redelivering",
    "results_backlog",
    "slow",
    "source_down",
    "starved",
    "state_gone",
    "stuck_canceling",
    "zombie_stream",
]
