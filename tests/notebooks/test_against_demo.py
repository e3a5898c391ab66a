"""The notebooks against a running demo: watched live, and on what was recorded of it."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import pytest
from executed import execute, shown
from waiting import until

from ami_console.collector import Collector
from ami_console.demo.scenarios import scenario
from ami_console.demo.stack import Stack
from ami_console.recorder import Recorder
from ami_console.recording import Recording, open_recording

pytestmark = pytest.mark.servers

CRASHED, MOVING = 105, 106
"""The job whose worker dies, over by now, and one that goes on; before them come old ones."""

LIVE = f"seen = ami_console.connect().watch(for_s=8)\njob_id = {MOVING}"


@dataclass(frozen=True)
class Demo:
    """A demo that runs, and is recorded.

    Attributes:
        settings: Environment variables of a notebook that looks at it.
        token: A secret that no output may hold.
        recording: What is recorded of it.
    """

    settings: dict[str, str]
    token: str
    recording: Recording


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """``worker_crash`` in a third of its time: images came back, and one of two jobs has ended."""
    into = tmp_path_factory.mktemp("demo") / "recording"
    played = scenario("worker_crash")
    crashed, moving = (replace(job, ack_wait_s=7.0, again_every_s=None) for job in played.jobs)
    jobs = (replace(crashed, images=160), replace(moving, images=4000, at_s=1.0))
    workers = tuple(
        replace(worker, image_s=worker.image_s / 3, back_after_s=5.0) for worker in played.workers
    )
    with Stack(replace(played, jobs=jobs, workers=workers), restart_after_s=None) as stack:
        collector = Collector(replace(stack.settings, every_s=0.5, job_logs_every_s=4.0))
        recorder = Recorder(into)
        collector.add_sink(recorder)
        collector.start()
        recording = open_recording(into)

        def is_over() -> bool:
            told = recording.frame("jobs", job_id=CRASHED)["status"]
            return len(told) > 0 and told.iloc[-1] == "SUCCESS"

        try:
            until(is_over, 90)
            settings = stack.environment() | {"AMI_CONSOLE_RECORDING": str(into)}
            yield Demo(settings, stack.settings.antenna_token.reveal(), recording)
        finally:
            collector.stop()
            recorder.close()


def test_what_is_recorded_is_worth_a_notebook(demo: Demo) -> None:
    """The demo was too kind: no worker died, and the notebooks below would show nothing."""
    looks = demo.recording.frame("consumers", job_id=CRASHED)
    again = looks["delivered_consumer_seq"] - looks["delivered_stream_seq"]
    assert again.max() > 0
    assert len(demo.recording.frame("log_events", job_id=CRASHED)) > 0


NOTEBOOKS = {
    "quickstart": ({"choose": LIVE}, ("Watched for", "Spiekeroog dune row B")),
    "job": ({"choose": LIVE}, (f"Job {MOVING}: Spiekeroog dune row B", "fetching")),
    "post_mortem": (
        {"choose": f"paths = [settings.recording]\njob_id = {CRASHED}"},
        (f"Job {CRASHED}", "A worker was lost", "were handed out again"),
    ),
    "dashboard": ({}, ()),
}
"""Notebook → what its reader changes (nothing: the recording is that of the demo), and what it
must say."""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs(demo: Demo, tmp_path: Path, name: str) -> None:
    """A researcher runs all cells while the demo plays; what comes out may be sent to anybody."""
    instead, says = NOTEBOOKS[name]
    book = execute(name, tmp_path, demo.settings, instead=instead)
    seen = text(book)
    for words in says:
        assert words in seen
    if "watch(for_s=8)" in instead.get("choose", ""):
        assert any("watched for 8 s: antenna ok" in each for each in shown(book, "text/plain"))
    assert demo.token not in nbformat.writes(book)


def text(book: nbformat.NotebookNode) -> str:
    """What the cells showed, without markup."""
    seen = re.sub(r"<style>.*?</style>|<[^>]+>", " ", "\n".join(shown(book)), flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(seen))
