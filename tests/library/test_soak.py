"""Looks without end: what is open and what is kept stays as it is."""

import pytest

from benchmarks.soak import EVERY_S, soaked

pytestmark = pytest.mark.servers

LOOKS, KEPT_LOOKS, JOBS = 300, 30, 2


def test_an_afternoon_of_looks_leaves_nothing_open_and_no_more_in_memory_than_is_kept() -> None:
    """Looks at jobs that end and follow each other, recorded and judged.

    ``python -m benchmarks.soak`` does the same for ten hours, and weighs the memory.
    """
    found = soaked(
        LOOKS, jobs=JOBS, keep_s=KEPT_LOOKS * EVERY_S, steps=4, page=False, judged_every=100
    )
    first, last = found[0], found[-1]
    assert last.looks >= LOOKS
    assert last.failed == 0, "a look at servers that were there all the time failed"
    assert last.threads <= first.threads
    # A connection is renewed now and then: one more or less is no leak, one per look is.
    assert last.files <= first.files + 2
    # Rows of a job and a look: jobs, stages (3), consumers, counters; and reads of each source.
    assert last.kept_rows <= 1.2 * KEPT_LOOKS * (6 * (JOBS + 2) + 6)
