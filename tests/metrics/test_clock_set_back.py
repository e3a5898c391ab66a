"""The hour that two recorders have both recorded, as the machine's clock was set back between."""

import numpy as np
import pytest

from ami_console import frames
from ami_console.instants import NS_PER_S
from ami_console.metrics import timeline
from ami_console.reading import Row

BEGIN_NS = 1_790_000_000 * NS_PER_S
BACK_S = 1200
TOTAL = 20_000


def at(second: float) -> int:
    return BEGIN_NS + int(second * NS_PER_S)


def look(observed_s: float, server_s: float, done: int) -> Row:
    """A look at a job that settles an image a second, with eight in flight."""
    return {
        "observed_at": at(observed_s),
        "server_at": at(server_s),
        "job_id": 7,
        "stream_exists": True,
        "consumer_exists": True,
        "messages": TOTAL - done,
        "first_seq": done + 1,
        "last_seq": TOTAL,
        "num_pending": TOTAL - done - 8,
        "num_ack_pending": 8,
        "num_redelivered": 0,
        "delivered_consumer_seq": done + 8,
        "delivered_stream_seq": done + 8,
        "ack_floor_consumer_seq": done,
        "ack_floor_stream_seq": done,
        "stream_created_at": at(-10),
        "consumer_created_at": at(-10),
    }


@pytest.mark.parametrize("with_server", [True, False])
def test_looks_of_two_passes_lie_mixed(with_server: bool) -> None:
    """Where they do, a counter falls at every other look: no rate there, and none is wrong."""
    rows = []
    for second in range(0, 2 * BACK_S, 2):
        observed_s = second if second < BACK_S else second - BACK_S + 0.7
        rows.append(look(observed_s, observed_s if with_server else second, second))
    line = timeline(frames.from_rows("consumers", rows))
    rates = line["acked_per_min"].to_numpy(dtype="float64", na_value=np.nan)
    assert np.isnan(rates).any()
    known = rates[~np.isnan(rates)]
    assert known == pytest.approx(60.0)
    assert not (line["redeliveries_total"] > 0).any()
