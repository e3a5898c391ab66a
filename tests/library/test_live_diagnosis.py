"""A live watch judges each look, records what it finds, and carries on what stood."""

import pandas as pd
import pytest
from waiting import until
from watched import BEGIN, at, frozen, watched

from ami_console import live_diagnosis
from ami_console.collector import Collector
from ami_console.diagnosis import Finding
from ami_console.history import History
from ami_console.live_diagnosis import WINDOW_S, LiveDiagnosis, last_recorded
from ami_console.reading import Reading
from ami_console.settings import Settings

SETTINGS = Settings()


def judged(history: History, *seconds: float) -> list[Reading]:
    """Readings of a judge at some seconds."""
    judge = LiveDiagnosis(history, SETTINGS)
    return [judge.judge(at(second + 0.1)) for second in seconds]


def test_each_judgement_is_a_reading_with_its_findings() -> None:
    """Nobody fetches: the verdict is recorded at every look from the moment it speaks."""
    history = watched(60).history
    early, late = judged(history, 30, 60)
    assert (early.source, early.ok, early.rows["findings"]) == ("diagnosis", True, [])
    (row,) = late.rows["findings"]
    assert (row["code"], row["job_id"], row["severity"]) == ("no_worker", 7, "critical")
    assert (row["observed_at"], row["since"]) == (at(60.1).value, BEGIN.value)
    history.add(late)
    frame = history.frame("findings")
    assert frame["title"].tolist() == ["100 images are queued and no worker fetches them"]
    assert '"num_pending":100' in frame["evidence"].iloc[0]


def test_what_is_wrong_for_longer_than_the_window_keeps_its_begin() -> None:
    """Celery has been frozen for half an hour, and all looks of its begin are out of sight."""
    history = frozen(2 * int(WINDOW_S)).history
    judge = LiveDiagnosis(history, SETTINGS)
    for second in range(60, 2 * int(WINDOW_S), 60):
        (row,) = judge.judge(at(second + 0.1)).rows["findings"]
        assert (row["code"], row["since"]) == ("results_backlog", at(39.7).value)


def test_a_recording_is_judged_by_its_last_hours_and_what_stood_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The post-mortem looks back two hours, and the backlog began before that: it was recorded."""
    monkeypatch.setattr(live_diagnosis, "LOOK_BACK_S", 300.0)
    history = frozen(900).history
    # The recording as it is, but for the last verdicts: those are what is asked for.
    judge = LiveDiagnosis(history, SETTINGS)
    for second in range(60, 620, 60):
        history.add(judge.judge(at(second + 0.1)))
    (found,) = live_diagnosis.diagnose_recorded(history, as_of=at(900.1))
    assert (found.code, found.since) == ("results_backlog", at(39.7))
    bare = frozen(900).history
    assert [f.code for f in live_diagnosis.diagnose_recorded(bare, as_of=at(900.1))] != [
        "results_backlog"
    ]


def test_watchers_get_every_look() -> None:
    """Alerts want to know of the end, too."""
    seen: list[tuple[int, pd.Timestamp]] = []
    judge = LiveDiagnosis(watched(60).history, SETTINGS)
    judge.add_watcher(lambda findings, as_of: seen.append((len(findings), as_of)))
    judge.judge(at(30))
    judge.judge(at(60.1))
    assert seen == [(0, at(30)), (1, at(60.1))]


def test_a_fault_of_a_watcher_is_a_gap_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    """Our own code failed: that is recorded, and the next look is judged again."""
    judge = LiveDiagnosis(watched(60).history, SETTINGS)

    def broken(_findings: object, _as_of: object) -> None:
        raise RuntimeError("out of order")

    judge.add_watcher(broken)
    reading = judge.judge(at(60.1))
    assert (reading.ok, "RuntimeError" in str(reading.error)) == (False, True)
    assert "could not be judged" in caplog.text


def test_a_collector_judges_what_it_sees() -> None:
    """From the first look on, whatever it sees: even that there is no source."""
    collector = Collector(SETTINGS, sources=lambda _: ())
    collector.start()
    try:
        until(lambda: len(collector.history.frame("reads")) > 0)
    finally:
        collector.stop()
    reads = collector.history.frame("reads")
    assert set(reads["source"]) == {"diagnosis"}
    assert reads["ok"].all()
    assert collector.diagnosis.judged is not None


class TestAfterARestart:
    """What stood when the last watch ended."""

    def recorded(self) -> History:
        """A history that was judged at 60 s, and had nothing to say at 30 s."""
        history = watched(60).history
        for reading in judged(history, 30, 60):
            history.add(reading)
        return history

    def test_it_is_found_again(self) -> None:
        """The console was restarted for an update: the pager must not ring twice."""
        (found,) = last_recorded(self.recorded(), as_of=at(120))
        assert found.key == ("no_worker", 7, None)
        assert (found.since, found.severity) == (at(0), "critical")
        assert {each.name: each.value for each in found.evidence}["num_pending"] == 100

    def test_what_is_older_than_a_restart_takes_is_not(self) -> None:
        """It was off over the week-end: who knows what happened meanwhile."""
        assert last_recorded(self.recorded(), as_of=at(60 + 700)) == []

    def test_what_was_over_at_the_last_look_is_not(self) -> None:
        """It was withdrawn before the end."""
        history = self.recorded()
        history.add(Reading(source="diagnosis", observed_at=at(100).value))
        assert last_recorded(history, as_of=at(120)) == []

    def test_a_recording_that_was_never_judged_has_nothing(self) -> None:
        """It was imported."""
        assert last_recorded(watched(60).history, as_of=at(61)) == []


def test_a_row_tells_the_finding_again() -> None:
    """What is recorded is enough to know an episode by."""
    found: Finding = watched(60).one()
    again = Finding.from_row(
        {**found.as_row(), "observed_at": found.as_of, "since": found.since, "job_id": 7}
        | {"subject": pd.NA, "explains": pd.NA}
    )
    assert (again.key, again.since, again.title) == (found.key, found.since, found.title)
