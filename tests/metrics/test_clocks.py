"""Which zone Antenna's naive times are in, and how far the clocks are apart."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from recorded import JOBS, _file

from ami_console import frames
from ami_console.history import History
from ami_console.metrics import clock_offsets, zone_evidence, zone_offset
from ami_console.metrics.clocks import EVIDENCE, OFFSETS, SLOW_S
from ami_console.sources import poll_log

NOON = pd.Timestamp("2026-11-23T12:00:00Z")
NEW_YORK = ZoneInfo("America/New_York")


def at(seconds: float) -> int:
    """Seconds after noon as frames' rows have it."""
    return int((NOON + pd.Timedelta(seconds=seconds)).value)


def jobs(*rows: tuple[float, dict[str, float]], job_id: int = 7) -> pd.DataFrame:
    """Looks at a job: when, and its times in seconds after noon."""
    return frames.from_rows(
        "jobs",
        [
            {
                "observed_at": at(seen),
                "job_id": job_id,
                **{name: at(value) for name, value in times.items()},
            }
            for seen, times in rows
        ],
    )


def reads(*rows: tuple[float, str, bool, float | None, float | None]) -> pd.DataFrame:
    """Looks: when, source, ok, elapsed_s, clock_offset_s."""
    names = ("source", "ok", "elapsed_s", "clock_offset_s")
    return frames.from_rows(
        "reads",
        [{"observed_at": at(seen), **dict(zip(names, rest, strict=True))} for seen, *rest in rows],
    )


def streams(*rows: tuple[float, int, float]) -> pd.DataFrame:
    """Looks at streams: when, job, and when the broker made it."""
    return frames.from_rows(
        "consumers",
        [
            {"observed_at": at(seen), "job_id": job_id, "stream_created_at": at(made)}
            for seen, job_id, made in rows
        ],
    )


def later(seconds: float = 3600.0) -> pd.Timestamp:
    return NOON + pd.Timedelta(seconds=seconds)


def test_nothing_in_nothing_out() -> None:
    """The console was just started and has seen no job yet."""
    evidence = zone_evidence(
        frames.empty("jobs"),
        consumers=frames.empty("consumers"),
        reads=frames.empty("reads"),
        zone=NEW_YORK,
        as_of=NOON,
    )
    assert evidence.empty
    assert evidence.dtypes.astype(str).to_dict() == EVIDENCE
    verdict = zone_offset(evidence)
    assert (verdict.verdict, verdict.offset_s, verdict.n) == ("cant_tell", None, 0)
    offsets = clock_offsets(frames.empty("reads"), as_of=NOON)
    assert offsets.empty
    assert offsets.dtypes.astype(str).to_dict() == OFFSETS


def test_a_move_between_two_looks_happened_between_them() -> None:
    """Results come in while the console looks every two seconds."""
    looks = jobs((10, {"updated_at": 3}), (12, {"updated_at": 11}))
    fast = reads((10, "antenna", True, 0.2, None), (12, "antenna", True, 0.1, None))
    evidence = zone_evidence(looks, reads=fast, as_of=later())
    assert evidence["kind"].tolist() == ["updated"]
    assert evidence["observed_at"].tolist() == [NOON + pd.Timedelta(seconds=12)]
    # Between 9.8, when the first look was asked, and 12: the middle is 10.9.
    assert evidence["offset_s"].tolist() == pytest.approx([0.1])
    assert evidence["error_s"].tolist() == pytest.approx([1.1])


def test_who_does_not_know_how_long_an_answer_took_takes_the_slowest() -> None:
    """Looks of a recording without its reads."""
    looks = jobs((10, {"updated_at": 3}), (12, {"updated_at": 11}))
    evidence = zone_evidence(looks, as_of=later())
    assert evidence["error_s"].tolist() == pytest.approx([(2 + SLOW_S) / 2])


def test_an_idle_job_says_nothing() -> None:
    """A job of yesterday is looked at again and again."""
    looks = jobs(*((seen, {"updated_at": -80_000}) for seen in range(0, 60, 2)))
    assert zone_evidence(looks, as_of=later()).empty


def test_a_list_that_was_asked_long_before_a_detail_is_no_move() -> None:
    """A slow list comes in after a detail that is newer than it."""
    looks = jobs(
        (10, {"updated_at": 9}), (11, {"updated_at": 6}), (12, {"updated_at": 9}),
        (14, {"updated_at": 13}),
    )  # fmt: skip
    told = reads(
        (10, "antenna", True, 0.1, None), (11, "antenna", True, 4.0, None),
        (12, "antenna", True, 0.1, None), (14, "antenna", True, 0.1, None),
    )  # fmt: skip
    evidence = zone_evidence(looks, reads=told, as_of=later())
    assert evidence["observed_at"].tolist() == [NOON + pd.Timedelta(seconds=14)]
    # Between 11.9 and 14, whichever look was slow before.
    assert evidence["error_s"].tolist() == pytest.approx([1.05])


def test_a_gap_too_long_to_tell_a_quarter_hour_is_left_out() -> None:
    """The console was off for lunch."""
    looks = jobs((0, {"updated_at": -5}), (1200, {"updated_at": 600}))
    assert zone_evidence(looks, as_of=later()).empty


def test_missing_times_and_later_rows_are_left_out() -> None:
    """A job that has not begun, and a look from after the instant judged at."""
    looks = jobs((0, {}), (2, {"updated_at": 1}), (4, {}), (6, {"updated_at": 5}))
    assert len(zone_evidence(looks, as_of=later())) == 1
    assert zone_evidence(looks, as_of=NOON + pd.Timedelta(seconds=5)).empty
    nameless = looks.assign(job_id=pd.array([pd.NA] * 4, dtype="Int64"))
    assert zone_evidence(nameless, as_of=later()).empty


def test_a_start_in_the_future_proves_an_offset_of_at_least_that() -> None:
    """Antenna runs in New York, the setting says Chicago: jobs seem to start in an hour."""
    looks = jobs((10, {"created_at": 3590, "started_at": 3601}), (600, {"started_at": 3601}))
    evidence = zone_evidence(looks, as_of=later())
    assert evidence["kind"].tolist() == ["future"]
    assert evidence["offset_s"].tolist() == [3591.0]
    assert evidence["error_s"].isna().all()
    verdict = zone_offset(evidence)
    assert (verdict.verdict, verdict.looks_like) == ("disagrees", "zone")
    assert (verdict.offset_s, verdict.error_s) == (3591.0, None)


def test_a_start_some_seconds_ahead_is_a_clock_and_within_a_second_nothing() -> None:
    """Antenna's clock is half a minute ahead of ours; or the two are as good as equal."""
    ahead = zone_offset(zone_evidence(jobs((10, {"started_at": 40})), as_of=later()))
    assert (ahead.verdict, ahead.looks_like) == ("disagrees", "clock")
    equal = zone_offset(zone_evidence(jobs((10, {"started_at": 10.9})), as_of=later()))
    assert equal.verdict == "cant_tell"


def test_a_stream_made_right_after_the_start_speaks_for_the_zone() -> None:
    """Nothing moves, but an hour ago the broker made the job's stream when the job began."""
    looks = jobs((3000, {"started_at": 10, "updated_at": 20}))
    evidence = zone_evidence(looks, consumers=streams((3000, 7, 10.1)), as_of=later())
    assert evidence["offset_s"].tolist() == pytest.approx([-0.1])
    verdict = zone_offset(evidence)
    assert (verdict.verdict, verdict.n) == ("agrees", 1)


def test_a_job_that_was_started_again_proves_nothing() -> None:
    """An hour after its stream was made a job is retried into the same stream."""
    looks = jobs((3700, {"started_at": 3610}))
    evidence = zone_evidence(looks, consumers=streams((3700, 7, 10)), as_of=later(4000))
    assert evidence["kind"].tolist() == ["stream_created"]
    assert zone_offset(evidence).verdict == "cant_tell"


def test_two_jobs_that_say_the_same_hour_are_believed() -> None:
    """Two idle jobs seem to have been started five hours before their streams."""
    looks = pd.concat(
        [jobs((100, {"started_at": -18_000})), jobs((100, {"started_at": -17_950}), job_id=8)],
        ignore_index=True,
    )
    made = streams((100, 7, 0.1), (100, 8, 50.2))
    verdict = zone_offset(zone_evidence(looks, consumers=made, as_of=later()))
    assert (verdict.verdict, verdict.looks_like, verdict.offset_s) == (
        "disagrees", "zone", -18_000.0,
    )  # fmt: skip
    odd = streams((100, 7, 0.1), (100, 8, 1850.2))
    assert zone_offset(zone_evidence(looks, consumers=odd, as_of=later())).verdict == "cant_tell"


@pytest.mark.parametrize(
    ("offset_s", "verdict", "looks_like", "told_s"),
    [
        (0.0, "agrees", None, 0.0),
        (5.5, "agrees", None, 5.5),
        (90.0, "disagrees", "clock", 90.0),
        (-3600.4, "disagrees", "zone", -3600.0),
        (20_701.0, "disagrees", "zone", 20_700.0),
        (400.0, "disagrees", "clock", 400.0),
    ],
)
def test_whole_quarter_hours_are_a_zone_and_all_else_a_clock(
    offset_s: float, verdict: str, looks_like: str | None, told_s: float
) -> None:
    """New York for Chicago, or Kathmandu (a quarter to six), or a host without NTP."""
    looks = jobs(*((seen, {"updated_at": seen - 1 + offset_s}) for seen in range(0, 20, 2)))
    told = reads(*((seen, "antenna", True, 0.0, None) for seen in range(0, 20, 2)))
    found = zone_offset(zone_evidence(looks, reads=told, as_of=later()))
    assert (found.verdict, found.looks_like) == (verdict, looks_like)
    assert found.offset_s == pytest.approx(told_s)
    assert found.error_s == pytest.approx(1.0)
    assert found.n == 9


def test_a_clock_that_is_known_to_be_off_is_not_taken_for_the_zone() -> None:
    """Antenna's host is a minute and a half ahead, and the zone is wrong by an hour besides."""
    looks = jobs((0, {"updated_at": 3689}), (2, {"updated_at": 3691}))
    told = reads((0, "antenna", True, 0.0, None), (2, "antenna", True, 0.0, None))
    evidence = zone_evidence(looks, reads=told, as_of=later())
    assert zone_offset(evidence).looks_like == "clock"
    both = zone_offset(evidence, clock_offset_s=90.0)
    assert (both.verdict, both.looks_like, both.offset_s) == ("disagrees", "zone", 3600.0)
    future = evidence[evidence["kind"] == "future"]
    assert zone_offset(future, clock_offset_s=3691.0).verdict == "cant_tell"


def test_the_hour_that_comes_twice_is_left_out() -> None:
    """In the night of the change Antenna writes 01:30 for the second time."""
    second = pd.Timestamp("2026-11-01T06:30:00Z")  # the second 01:30; read, it is the first
    rows = [
        {
            "observed_at": (second + pd.Timedelta(seconds=2 * look)).value,
            "job_id": 7,
            "updated_at": (second + pd.Timedelta(seconds=2 * look - 3601)).value,
        }
        for look in range(4)
    ]
    looks, as_of = frames.from_rows("jobs", rows), second + pd.Timedelta(minutes=1)
    assert zone_evidence(looks, zone=NEW_YORK, as_of=as_of).empty
    assert zone_offset(zone_evidence(looks, as_of=as_of)).verdict == "disagrees"


@pytest.mark.parametrize("scenario", JOBS)
@pytest.mark.parametrize(
    ("setting", "offset_s"),
    [("America/New_York", 0.0), ("UTC", -18_000.0), ("Asia/Kolkata", -37_800.0),
     ("America/Chicago", 3600.0)],
)  # fmt: skip
def test_real_recordings_tell_the_zone(scenario: str, setting: str, offset_s: float) -> None:
    """Antenna ran in New York; whoever set another zone is told so, by every one of its jobs."""
    zone, history = ZoneInfo(setting), History(keep_s=1e6)
    path = _file(scenario, "series.jsonl")
    for reading in poll_log.readings(path, zone=zone, notes=poll_log.Notes()):
        history.add(reading)
    as_of = history.frame("reads")["observed_at"].max()
    evidence = zone_evidence(
        history.frame("jobs"),
        consumers=history.frame("consumers"),
        reads=history.frame("reads"),
        zone=zone,
        as_of=as_of,
    )
    verdict = zone_offset(evidence)
    assert verdict.verdict == ("agrees" if offset_s == 0 else "disagrees")
    assert verdict.looks_like == (None if offset_s == 0 else "zone")
    assert verdict.offset_s == pytest.approx(offset_s, abs=0.5)
    exact = evidence[(evidence["kind"] == "updated")]
    assert ((exact["offset_s"] - offset_s).abs() <= exact["error_s"] + 1).all()


def test_a_clock_offset_is_the_median_of_the_newest_good_looks() -> None:
    """One answer was slow, one look failed, and long ago the clock was still wrong."""
    told = reads(
        *((seen, "nats", True, 0.01, 60.0) for seen in range(5)),
        *((seen, "nats", True, 0.01, 0.25) for seen in range(10, 18)),
        (18, "nats", True, 2.0, 1.3),
        (19, "nats", False, 5.0, None),
        (20, "antenna", True, 0.5, -0.2),
        (21, "job_logs", True, None, 0.1),
        (22, "log_files", True, 0.1, None),
        (30, "nats", True, 0.01, 99.0),
    )
    offsets = clock_offsets(told, as_of=NOON + pd.Timedelta(seconds=25)).set_index("source")
    assert offsets.loc["nats", "offset_s"] == pytest.approx(0.25)
    assert offsets.loc["nats", "error_s"] == pytest.approx(0.005)
    assert offsets.loc["nats", "n"] == 9
    assert offsets.loc["nats", "observed_at"] == NOON + pd.Timedelta(seconds=18)
    assert offsets.loc["antenna", "error_s"] == pytest.approx(0.75)
    assert offsets.loc["job_logs", "error_s"] == pytest.approx(SLOW_S / 2 + 0.5)
    assert offsets.loc["log_files", "n"] == 0
    assert pd.isna(offsets.loc["log_files", "offset_s"])
    assert list(offsets.index) == ["antenna", "job_logs", "log_files", "nats"]
