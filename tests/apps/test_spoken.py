"""What a live watch said so far."""

from typing import Any

import pandas as pd
from found import finding
from staged_feed import START_NS

from ami_console.apps.spoken import Spoken
from ami_console.history import History
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading


def look(history: History, at_s: float, *found: Any) -> pd.Timestamp:
    """One judgement is recorded."""
    at = pd.Timestamp(START_NS + int(at_s * NS_PER_S), tz="UTC")
    rows = [each.as_row() | {"observed_at": at.value} for each in found]
    history.add(Reading(source="diagnosis", observed_at=at.value, rows={"findings": rows}))
    return at


def test_what_a_live_watch_said_is_gathered() -> None:
    """The page follows the judgements; nothing is judged a second time for it."""
    history = History()
    spoken = Spoken(history)
    assert spoken.until(look(history, 0)).empty
    first = look(history, 2, finding(job_id=4, explains=("slow",)))
    look(history, 4, finding(job_id=4, explains=("slow",)), finding("lost", 5, explains=()))
    table = spoken.until(look(history, 6, finding("lost", 5, explains=())))
    rows = {row["code"]: row for row in table.to_dict("records")}
    assert rows["no_worker"]["end"] == "over"
    assert rows["no_worker"]["spoken_at"] == first
    assert rows["no_worker"]["withdrawn_at"] == first + pd.Timedelta(seconds=4)
    assert rows["slow"]["hidden_by"] == "no_worker"
    assert rows["lost"]["end"] == "stands"
    table = spoken.until(look(history, 600))  # nobody watched for ten minutes
    rows = {row["code"]: row for row in table.to_dict("records")}
    assert rows["lost"]["end"] == "unknown"
    assert rows["lost"]["withdrawn_at"] == first + pd.Timedelta(seconds=4)
    again = spoken.until(look(history, 602, finding(job_id=4, explains=())))
    assert (again["code"] == "no_worker").sum() == 2


def test_a_judgement_that_failed_ends_nothing() -> None:
    """A gap in the diagnosis is not an end of what it found."""
    history = History()
    spoken = Spoken(history)
    look(history, 0, finding(explains=()))
    at = pd.Timestamp(START_NS + 2 * NS_PER_S, tz="UTC")
    history.add(Reading(source="diagnosis", observed_at=at.value, ok=False, error="failed"))
    assert spoken.until(at)["end"].tolist() == ["stands"]
