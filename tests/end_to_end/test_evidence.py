"""What a recording still knows when Antenna has deleted everything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from ami_console.collector import Collector
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.stack import Stack
from ami_console.recorder import Recorder
from ami_console.recording import Recording, open_recording
from ami_console.summary import summarise

pytestmark = pytest.mark.servers

PIPELINE = "micromoths_trial"


def play(*workers: WorkerPlan, **job: Any) -> Scenario:
    plan = JobPlan(name="Lac test", project="laurentian", pipeline=PIPELINE, save_s=0.02, **job)
    return Scenario(name="test", says="a test", jobs=(plan,), workers=workers)


def worker(name: str, **options: Any) -> WorkerPlan:
    return WorkerPlan(name=name, pipelines=(PIPELINE,), **{"image_s": 0.05, **options})


@pytest.fixture
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Recording:
    """The scenario, watched and recorded until its job is final."""
    with Stack(request.param, restart_after_s=None) as stack:
        collector = Collector(replace(stack.settings, every_s=0.3))
        recorder = Recorder(tmp_path / "r")
        collector.add_sink(recorder)
        collector.start()
        recording = open_recording(tmp_path / "r")

        def is_over() -> bool:
            jobs = recording.latest("jobs")
            return bool(jobs["status"].isin(["SUCCESS", "FAILURE", "REVOKED"]).any())

        try:
            until(is_over, 90)
        finally:
            collector.stop()
            recorder.close()
    return open_recording(tmp_path / "r")


@pytest.mark.parametrize("recorded", [play(worker("gpu-01"), images=60)], indirect=True)
def test_a_healthy_job_is_told_after_its_stream_is_gone(recorded: Recording) -> None:
    (job_id,) = recorded.jobs()
    numbers = summarise(recorded, job_id)
    assert numbers["status"] == "SUCCESS"
    assert (numbers["total"], numbers["processed"], numbers["failed"]) == (60, 60, 0)
    assert (numbers["redeliveries"], numbers["redelivered_tasks"], numbers["lost"]) == (0, 0, 0)
    assert numbers["max_delivery"] == 1
    assert numbers["throughput_per_min"] > 0
    assert numbers["acks"]["by"] == ["logs"]
    assert not numbers["latency_s"]["is_estimate"]
    assert numbers["latency_s"]["error_s"] == 0.5
    assert numbers["latency_s"]["n"] >= 59  # the last line may come after the last look
    assert 0 < numbers["latency_s"]["p50"] <= numbers["latency_s"]["max"]
    assert numbers["coverage"]["gaps"] == 0
    assert recorded.damaged == []


CRASH = play(
    worker("gpu-01", crash_after=1, back_after_s=6.0, batch=8),
    images=24,
    ack_wait_s=3.0,
    max_deliver=5,
)


@pytest.mark.parametrize("recorded", [CRASH], indirect=True)
def test_a_crashed_worker_is_told_by_the_redeliveries(recorded: Recording) -> None:
    """It reserved eight images and died; they came back after the ack wait."""
    (job_id,) = recorded.jobs()
    numbers = summarise(recorded, job_id)
    assert numbers["status"] == "SUCCESS"
    assert numbers["redeliveries"] >= 8
    assert numbers["lost"] == 0
    looks = recorded.frame("consumers", job_id=job_id)
    assert set(looks["ack_wait_s"].dropna()) == {3.0}
    assert set(looks["max_deliver"].dropna()) == {5}
