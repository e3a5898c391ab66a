"""Sources that push: they listen as long as the collector looks, and tell it from their thread."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from waiting import until

from ami_console.batch import Batch
from ami_console.collector import Collector
from ami_console.instants import now_ns
from ami_console.reading import Reading, SourceName
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from ami_console.settings import Settings

SETTINGS = replace(Settings.from_environment({}, dotenv=None), every_s=0.2)


def acks(*job_ids: int, begin: int = 1) -> Reading:
    at, count = now_ns(), len(job_ids)
    columns = {
        "observed_at": np.full(count, at),
        "acked_at": np.full(count, at),
        "job_id": np.array(job_ids, dtype="int64"),
        "stream_seq": np.arange(begin, begin + count),
    }
    return Reading(
        source="tap", observed_at=at, rows={"acks": Batch.of(columns, kind="+ACK")} if count else {}
    )


class Pushed:
    """A tap that tells what the test gives it; when it is started and stopped is written down."""

    name: ClassVar[SourceName] = "tap"

    def __init__(self, *, stops_when: Callable[[], object] = lambda: None) -> None:
        self.told: list[str] = []
        self.deliver: Callable[[Reading], None] | None = None
        self._stops_when = stops_when

    def start(self, deliver: Callable[[Reading], None]) -> None:
        self.told.append("start")
        self.deliver = deliver

    def stop(self) -> None:
        self._stops_when()
        self.told.append("stop")

    def push(self, *readings: Reading) -> None:
        """Deliver as the tap does: on a thread of its own."""
        assert self.deliver is not None
        thread = threading.Thread(target=lambda: [self.deliver(r) for r in readings])
        thread.start()
        thread.join()


@pytest.fixture
def collecting() -> Iterator[Callable[..., Collector]]:
    made: list[Collector] = []

    def make(tap: Pushed, **options: Any) -> Collector:
        made.append(Collector(SETTINGS, sources=lambda _: (), taps=lambda _: [tap], **options))
        return made[-1]

    yield make
    for collector in made:
        collector.stop()


def test_what_is_pushed_reaches_history_sinks_and_listeners(
    collecting: Callable[..., Collector],
) -> None:
    tap, recorded, news = Pushed(), list[Reading](), threading.Event()
    collector = collecting(tap)
    collector.add_sink(recorded.append)
    collector.subscribe(news.set)
    until(lambda: tap.deliver is not None)
    pushed = acks(3, 4, 4)
    tap.push(pushed)
    assert recorded == [pushed]
    assert news.is_set()
    assert collector.history.frame("acks", job_id=4)["stream_seq"].tolist() == [2, 3]
    assert collector.history.latest("reads")["source"].tolist() == ["tap"]


def test_it_is_stopped_with_the_watch_and_started_with_the_next(
    collecting: Callable[..., Collector],
) -> None:
    """The last page is closed, and one is opened while the watch before is still ending."""
    may_end = threading.Event()
    tap = Pushed(stops_when=lambda: may_end.wait(10))
    collector = collecting(tap, linger_s=0.05)
    leave = collector.subscribe(lambda: None)
    until(lambda: tap.told == ["start"])
    leave()
    until(lambda: not collector.running)
    collector.subscribe(lambda: None)
    assert tap.told == ["start"]
    may_end.set()
    until(lambda: tap.told == ["start", "stop", "start"])
    collector.stop()
    until(lambda: tap.told == ["start", "stop", "start", "stop"])


def test_its_last_words_are_taken_in(collecting: Callable[..., Collector]) -> None:
    """What had come in when the recording was ended is in it."""
    tap = Pushed(stops_when=lambda: tap.push(acks(3)))
    collector = collecting(tap)
    collector.start()
    until(lambda: tap.deliver is not None)
    collector.stop()
    assert len(collector.history.frame("acks")) == 1


def test_only_the_jobs_that_were_asked_for(collecting: Callable[..., Collector]) -> None:
    tap = Pushed()
    collector = collecting(tap, job_ids=[4])
    collector.start()
    until(lambda: tap.deliver is not None)
    tap.push(acks(3, 4, 5), acks(3), acks())
    assert collector.history.frame("acks")["job_id"].tolist() == [4]
    assert len(collector.history.frame("reads")) == 3


def test_two_threads_deliver_at_once_and_nothing_is_lost(
    collecting: Callable[..., Collector], tmp_path: Path
) -> None:
    """The tap tells of a full second of acknowledgements while a look is being recorded."""
    tap, recorder = Pushed(), Recorder(tmp_path / "r")
    collector = collecting(tap)
    collector.add_sink(recorder)
    collector.start()
    until(lambda: tap.deliver is not None)
    deliver = tap.deliver
    assert deliver is not None

    def push(job_id: int) -> None:
        for number in range(50):
            deliver(acks(*[job_id] * 100, begin=number * 100))

    pushing = [threading.Thread(target=push, args=(job_id,)) for job_id in (3, 4)]
    for thread in pushing:
        thread.start()
    for thread in pushing:
        thread.join()
    collector.stop()
    recorder.close()
    for source in (collector.history, open_recording(tmp_path / "r")):
        seen = source.frame("acks").groupby("job_id")["stream_seq"].nunique()
        assert seen.to_dict() == {3: 5000, 4: 5000}


def test_the_settings_decide_whether_there_is_one() -> None:
    """It has a side effect, so nobody gets it without having asked for it."""
    off = Collector(SETTINGS, sources=lambda _: ())
    on = Collector(replace(SETTINGS, tap=True, every_s=0.2), sources=lambda _: ())
    for collector, names in ((off, []), (on, ["tap", "tap-readings"])):
        collector.start()
        until(lambda names=names: taps() == names)
        collector.stop()
        assert taps() == []


def taps() -> list[str]:
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("tap"))
