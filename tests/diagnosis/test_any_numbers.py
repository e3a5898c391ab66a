"""Whatever the sources say, judging it gives verdicts and never an error."""

import random
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from watched import BEGIN, at

from ami_console import frames
from ami_console.diagnosis import consistency, diagnose, outlook, verdicts
from ami_console.history import History
from ami_console.reading import Reading

COUNTS = (None, None, 0, 1, 2, 5, 100, 10**9, -1)
OF_SOURCE = {
    "antenna": ("jobs", "stages"),
    "nats": ("consumers",),
    "redis": ("counters",),
    "celery": ("queues",),
    "tap": ("advisories", "acks"),
}
TEXTS = {
    "status": ("STARTED", "STARTED", "SUCCESS", "CANCELING", "REVOKED", "NEVER_HEARD_OF", None),
    "dispatch_mode": ("async_api", "internal", None),
    "pipeline": ("Moths", None),
    "stage": ("collect", "process", "results"),
    "kind": ("CONSUMER.MAX_DELIVERIES", "+ACK", None),
    "queue": ("ml_results",),
}


def value(column: str, dtype: str, now: int, rng: random.Random) -> Any:
    """Something that a column of the dtype can hold, likely or not."""
    if dtype == frames.TIME:
        return rng.choice([None, now, now - 10**11, now + 10**13, 0])
    if dtype == frames.COUNT:
        return rng.choice(COUNTS)
    if dtype == frames.FLAG:
        return rng.choice([True, True, False, None])
    if dtype == frames.MEASURE:
        return rng.choice([None, 0.0, 0.5, 1.0, 30.0])
    return rng.choice(TEXTS.get(column, ("text", None)))


def readings(now: int, rng: random.Random) -> Iterator[Reading]:
    """A look at every source, as mad as can be."""
    for source, names in OF_SOURCE.items():
        if rng.random() < 0.15:
            yield Reading(source=source, observed_at=now, ok=False, error="no")  # type: ignore[arg-type]
            continue
        rows = {
            name: [
                {c: value(c, dtype, now, rng) for c, dtype in frames.schema(name).items()}
                | {"observed_at": now, "job_id": rng.choice([7, 8])}
                for _ in range(rng.randint(0, 3))
            ]
            for name in names
        }
        offset_s = rng.choice([None, 0.0, 100.0])
        yield Reading(source=source, observed_at=now, rows=rows, clock_offset_s=offset_s)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(40))
def test_any_numbers_can_be_judged(seed: int) -> None:
    """An older server leaves fields out, a proxy mixes answers up, a clock jumps."""
    rng = random.Random(seed)
    history = History(keep_s=1e9)
    beat_s = rng.choice([1, 2, 60])
    for look in range(rng.randint(1, 25)):
        for reading in readings(BEGIN.value + look * beat_s * 10**9, rng):
            history.add(reading)
    as_of = at(rng.choice([0, 5, 100, 2000]))
    found = diagnose(history, as_of=as_of)
    again = diagnose(history, as_of=as_of, since=as_of - pd.Timedelta(seconds=10), before=found)
    for finding in [*found, *again]:
        assert finding.as_json()["title"]
        assert finding.as_row()["observed_at"] == as_of.value
        assert finding.why
        assert finding.next_step
    table = verdicts(history, as_of=as_of)
    standing = set(table.loc[table["end"] == "stands", "code"])
    assert {f.code for f in found if f.outcome == "finding"} <= standing
    assert (outlook(history, as_of=as_of)["at"] >= as_of).all()
    assert len(consistency(history, 7, as_of=as_of)) in (0, 5)
