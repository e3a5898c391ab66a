"""The checks of sources: one that can't be read, and clocks that disagree."""

import pandas as pd
import pytest
from watched import Watched, at, moving, watched

from ami_console.diagnosis import Finding, diagnose
from ami_console.history import History
from ami_console.reading import Reading


def source(whole: Watched, second: float | None = None) -> list[Finding]:
    """What is said of the sources then."""
    return [finding for finding in whole.findings(second) if finding.job_id is None]


class TestSourceDown:
    """A source does not answer."""

    @pytest.mark.parametrize("name", ["antenna", "nats", "redis"])
    def test_it_is_named_with_its_reason_and_what_it_hides(self, name: str) -> None:
        """Its process was killed 20 s after the start."""
        whole = watched(60, {**moving(18), 20: {name: False}})
        (found,) = source(whole)
        assert (found.code, found.subject, found.severity) == ("source_down", name, "critical")
        assert found.since is not None
        assert abs((found.since - at(20)).total_seconds()) < 0.1
        assert "connection refused" in found.why
        assert whole.spoken_s("source_down", None) == [26.0]

    def test_a_single_failed_read_is_no_outage(self) -> None:
        """It happens under load."""
        assert source(watched(60, {20: {"redis": False}, 22: {"redis": True}}), 30) == []

    def test_it_is_withdrawn_when_it_answers_again(self) -> None:
        """After five seconds of good answers."""
        whole = watched(60, {20: {"nats": False}, 40: {"nats": True}})
        (row,) = whole.episodes("source_down", None)
        assert (row["ended_at"], row["withdrawn_at"]) == (at(40.01), at(45.01))

    def test_what_can_not_be_told_meanwhile_is_said_with_the_reason(self) -> None:
        """NATS is away: nobody can tell whether images come back."""
        whole = watched(60, {**moving(18), 20: {"nats": False}})
        told = {f.code: f for f in whole.diagnosed() if f.outcome == "cant_tell"}
        assert {"no_worker", "not_returning", "lost_at_max_deliver"} <= set(told)
        assert "NATS can't be read since 09:02:20 UTC" in told["no_worker"].why
        assert not told["no_worker"].needs_a_human

    def test_a_source_that_was_never_read_leaves_its_checks_unable(self) -> None:
        """A recording of Antenna and Redis alone."""
        whole = watched(60)
        only = History()
        for name in ("jobs", "stages", "counters"):
            source = "redis" if name == "counters" else "antenna"
            for row in whole.history.frame(name).to_dict("records"):
                plain = {k: v.value if isinstance(v, pd.Timestamp) else v for k, v in row.items()}
                kept = {k: v for k, v in plain.items() if not pd.isna(v)}
                only.add(
                    Reading(source=source, observed_at=kept["observed_at"], rows={name: [kept]})
                )
        told = diagnose(only, as_of=at(60.1))
        assert {finding.outcome for finding in told} == {"cant_tell"}
        why = {finding.code: finding.why for finding in told}
        assert why["no_worker"] == "NATS told nothing of this job."

    def test_a_verdict_that_stood_is_kept_for_a_moment_only(self) -> None:
        """NATS goes away while nobody fetches: soon that can't be told any more."""
        whole = watched(140, {70: {"nats": False}})
        assert "no_worker" in whole.codes(90)
        assert "no_worker" not in whole.codes(130)
        (row,) = whole.episodes("no_worker")
        assert (row["end"], pd.isna(row["ended_at"])) == ("unknown", True)


class TestClockSkew:
    """Clocks, or the zone of the settings, are wrong."""

    def test_a_clock_that_is_ahead(self) -> None:
        """Antenna's machine lost its NTP and is nine seconds ahead."""
        found = source(watched(60, moving(60), offset_s=9.0))
        assert {(f.code, f.severity) for f in found} == {("clock_skew", "warning")}
        assert "9 s ahead of ours" in found[0].title

    @pytest.mark.parametrize("offset_s", [-4.0, 0.0, 1.0, 4.0])
    def test_what_a_slow_answer_can_explain_is_no_skew(self, offset_s: float) -> None:
        """The Date header is cut to a second, and answers take up to four."""
        assert source(watched(60, moving(60), offset_s=offset_s)) == []

    @pytest.mark.parametrize(("hours", "told"), [(5, "5 h ahead of"), (-5.5, "5.5 h behind")])
    def test_a_wrong_zone_shows_by_the_times_that_change(self, hours: float, told: str) -> None:
        """Antenna writes local time, and the setting names another zone."""
        changes = {
            second: {**values, "updated_at": second - 0.2 + hours * 3600}
            for second, values in moving(60).items()
        }
        (found,) = source(watched(60, changes))
        assert told in found.title
        assert "AMI_CONSOLE_ANTENNA_TIMEZONE" in found.next_step

    def test_a_job_that_stands_still_is_no_evidence(self) -> None:
        """Its updated_at is old because nothing happened."""
        assert source(watched(600, {0: {"updated_at": -18_000}})) == []
