"""Runs of the demo side by side: batch size is found, and of two equal runs nothing."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from executed import execute, shown
from waiting import until

from ami_console.collector import Collector
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.stack import Stack
from ami_console.recorder import Recorder
from ami_console.recording import Recording, open_recording
from ami_console.runs import compare

pytestmark = pytest.mark.servers

PIPELINE = "micromoths_trial"
IMAGES = 96
SMALL, LARGE = 8, 16
ONE, TWIN, LARGER, LARGER_TWIN = 101, 102, 103, 104


def play() -> Scenario:
    """Four jobs alike that wait until they are run, and two workers that differ in batch size."""
    fixed = {"project": "laurentian", "pipeline": PIPELINE, "runs": False, "save_s": 0.01}
    jobs = [JobPlan(name=f"Lac test {n}", images=IMAGES, **fixed) for n in range(4)]
    workers = [
        WorkerPlan(name=f"gpu-{batch}", pipelines=(PIPELINE,), batch=batch, image_s=0.05)
        for batch in (SMALL, LARGE)
    ]
    return Scenario(name="test", says="a test", jobs=tuple(jobs), workers=tuple(workers))


def run(stack: Stack, job_id: int) -> None:
    """Somebody presses the button."""
    settings = stack.settings
    httpx.post(
        f"{settings.antenna_url.reveal()}/api/v2/jobs/{job_id}/run/",
        headers={"Authorization": f"Token {settings.antenna_token.reveal()}"},
        trust_env=False,
        timeout=30,
    ).raise_for_status()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Two jobs with batches of 8, then two with batches of 16; every acknowledgement was heard.

    The two of a pair run at the same time, the worker takes a batch of each in turn: what else the
    machine does meanwhile slows both alike.
    """
    into = tmp_path_factory.mktemp("compared") / "r"
    with Stack(play(), restart_after_s=None) as stack:
        stack.stop(f"worker-gpu-{LARGE}")
        collector, recorder = (
            Collector(replace(stack.settings, every_s=0.3, tap=True)),
            Recorder(into),
        )
        collector.add_sink(recorder)
        collector.start()
        growing = open_recording(into)

        def acked(job_id: int) -> int:
            return growing.frame("acks", job_id=job_id)["stream_seq"].nunique()

        try:
            until(lambda: bool((growing.frame("reads")["source"] == "tap").any()))
            for pair in ((ONE, TWIN), (LARGER, LARGER_TWIN)):
                if LARGER in pair:
                    stack.stop(f"worker-gpu-{SMALL}")
                    stack.start(f"worker-gpu-{LARGE}")
                for job_id in pair:
                    run(stack, job_id)
                until(lambda pair=pair: all(acked(each) == IMAGES for each in pair), 60)
        finally:
            collector.stop()
            recorder.close()
    return open_recording(into)


def test_another_batch_size_is_found_and_said(recording: Recording) -> None:
    """Somebody set the batch size of a worker to 16, and asks the next morning what it changed."""
    found = compare((recording, ONE, "batches of 8"), (recording, LARGER, "batches of 16"))
    settings = found.configuration.set_index("setting")
    assert settings["differs"].fillna(False).loc[lambda differs: differs].index.tolist() == [
        "batch_size"
    ]
    assert found.in_words()[0] == "They differ in batch size (8 and 16)."
    assert "batch_time_s" in found.differing
    assert set(found.differing) <= {
        "batch_size",
        "batch_time_s",
        "worker_time_s",
        "throughput_per_min",
        "time_per_image_s",
    }
    (batch,) = found.outcome[found.outcome["outcome"] == "batch_time_s"].to_dict("records")
    assert 1.3 < batch["ratio"] < 2.7


def test_of_two_equal_runs_nothing_is_found(recording: Recording) -> None:
    """The same job once more, by the same worker: what differs is chance, and is called that."""
    found = compare((recording, ONE), (recording, TWIN))
    assert found.differing == []
    assert found.in_words()[0] == "Nothing differs by more than noise."
    throughput = found.outcome.set_index("outcome").loc["throughput_per_min"]
    assert throughput["verdict"] == "within noise", throughput["why"]


def test_the_notebook_says_it_too(recording: Recording, tmp_path: Path) -> None:
    """The notebook on what the demo recorded, its runs put in."""
    runs = (
        "recording = ami_console.open_recording()\n"
        f'runs = [(recording, {ONE}, "8"), (recording, {LARGER}, "16")]'
    )
    settings = {"AMI_CONSOLE_RECORDING": recording.path}
    book = execute("compare", tmp_path, settings, instead={"choose": runs})
    assert any("They differ in batch size (8 and 16)." in page for page in shown(book))
