"""What a report tells of real jobs, before it is a page."""

from collections.abc import Callable

import pandas as pd
import pytest
from recorded import ZONE, history_of

from ami_console import frames
from ami_console.errors import UnknownJobError
from ami_console.report.material import Material, configuration, material
from ami_console.report.source import AsOf

Found = Callable[[str], Material]


def test_the_time_of_a_job_is_that_of_its_life(found: Found) -> None:
    """The watch went on after it; the charts are of the job."""
    told = found("c_worker_crash")
    started_at = pd.Timestamp("2026-11-23T15:16:14Z")
    assert abs((told.begins_at - started_at).total_seconds()) < 2
    assert told.begins_at < told.ends_at <= told.as_of
    assert told.timeline["observed_at"].max() <= told.ends_at + told.margin
    assert told.numbers["redelivered_tasks"] == 8
    assert not told.is_estimate


def test_results_that_came_after_a_cancel_are_in_its_time(found: Found) -> None:
    """96 results were posted when the job was over: that is a part of the story."""
    told = found("e_cancelled")
    assert told.ends_at > pd.Timestamp(told.numbers["finished_at"])
    assert told.tasks["acked_at"].max() <= told.ends_at


def test_a_source_that_was_away_is_told_with_its_reason(found: Found) -> None:
    """Antenna's web process was stopped for a minute."""
    (gap,) = found("k_api_down").gaps.to_dict("records")
    assert gap["source"] == "antenna"
    assert 60 < (gap["ends_at"] - gap["begins_at"]).total_seconds() < 75
    assert "Connection refused" in gap["reason"]


def test_an_instant_in_the_middle_knows_nothing_later() -> None:
    """Asked how it stood when the worker had just died: nothing had come back yet."""
    as_of = pd.Timestamp("2026-11-23T15:16:36Z")
    told = material(history_of("c_worker_crash"), 6, zone=ZONE, as_of=as_of)
    assert told.as_of == told.ends_at == as_of
    assert told.numbers["redeliveries"] == 0
    assert told.timeline["observed_at"].max() <= as_of
    assert told.tasks["acked_at"].max() <= as_of


def test_a_job_that_nobody_saw_is_unknown() -> None:
    """A typo in the number."""
    with pytest.raises(UnknownJobError):
        material(history_of("c_worker_crash"), 12_345, zone=ZONE)


def looks(*setups: tuple[float | None, int | None]) -> pd.DataFrame:
    """Looks two seconds apart, each with an ack wait and a limit of deliveries."""
    begin = pd.Timestamp("2026-11-23T15:00:00Z").value
    rows = [
        {"observed_at": begin + n * 2_000_000_000, "job_id": 7, "ack_wait_s": wait,
         "max_deliver": limit}
        for n, (wait, limit) in enumerate(setups)
    ]  # fmt: skip
    return frames.from_rows("consumers", rows)


def test_a_setup_that_was_changed_is_told_twice() -> None:
    """Somebody raised the ack wait while the job ran; later it was put back."""
    rows = configuration(looks((10, 2), (10, 2), (60, 2), (10, 2)))
    assert rows["ack_wait_s"].tolist() == [10, 60, 10]
    assert rows["max_deliver"].tolist() == [2, 2, 2]
    assert rows["max_ack_pending"].isna().all()
    lasted = (rows["last_at"] - rows["first_at"]).dt.total_seconds()
    assert lasted.tolist() == [2, 0, 0]


def test_looks_that_told_no_setup_are_no_change_of_it() -> None:
    """The consumer was gone for a look, or the broker could not be read."""
    rows = configuration(looks((None, None), (10, 2), (None, None), (10, 2), (None, None)))
    assert rows["ack_wait_s"].tolist() == [10]
    assert configuration(looks((None, None))).empty
    assert configuration(looks()).empty


def test_the_frames_of_an_instant_are_read_once() -> None:
    """A recording reads files for each question, and a report asks twenty times."""
    history, asked = history_of("c_worker_crash"), []

    class Counting:
        """Notes what it is asked for."""

        def frame(self, name: str, **limits: object) -> pd.DataFrame:
            asked.append(name)
            return history.frame(name, **limits)  # type: ignore[arg-type]

        def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
            return history.latest(name, until=until)

    as_of = pd.Timestamp("2026-11-23T15:16:36Z")
    held = AsOf(Counting(), as_of)
    first = held.frame("consumers", job_id=6)
    again = held.frame("consumers", job_id=6, since=as_of - pd.Timedelta(seconds=5))
    assert asked == ["consumers"]
    assert first["observed_at"].max() <= as_of
    assert 0 < len(again) < len(first)
    assert held.latest("jobs", until=as_of + pd.Timedelta(hours=1))["observed_at"].max() <= as_of
