"""The tap on a whole stand-in: every acknowledgement of a job is recorded, and gaps are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
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
IMAGES = 60


def play(*workers: WorkerPlan, **job: Any) -> Scenario:
    """A job that waits until it is run, so that the tap is there before its first message."""
    fixed = {"name": "Lac test", "project": "laurentian", "pipeline": PIPELINE, "runs": False}
    plan = JobPlan(images=IMAGES, **fixed, **job)
    return Scenario(name="test", says="a test", jobs=(plan,), workers=workers)


def worker(name: str, **options: Any) -> WorkerPlan:
    return WorkerPlan(name=name, pipelines=(PIPELINE,), **{"image_s": 0.02, **options})


@dataclass
class Watched:
    """A running stand-in, and the recording that grows beside it."""

    stack: Stack
    collector: Collector
    recording: Recording

    def acks(self) -> pd.DataFrame:
        return self.recording.frame("acks")

    def seqs(self) -> set[int]:
        acks = self.acks()
        return set(acks.loc[acks["kind"] == "+ACK", "stream_seq"])

    def taps(self) -> pd.DataFrame:
        reads = self.recording.frame("reads")
        return reads[reads["source"] == "tap"]

    def status(self) -> str:
        jobs = self.recording.latest("jobs")
        return str(jobs["status"].iloc[-1]) if len(jobs) else ""


def run(stack: Stack) -> None:
    """Somebody presses the button."""
    settings = stack.settings
    answer = httpx.post(
        f"{settings.antenna_url.reveal()}/api/v2/jobs/101/run/",
        headers={"Authorization": f"Token {settings.antenna_token.reveal()}"},
        trust_env=False,
        timeout=30,
    )
    answer.raise_for_status()


@contextmanager
def watched(scenario: Scenario, into: Path, *, secured: bool = False) -> Iterator[Watched]:
    """The scenario with a tapping collector that records."""
    with Stack(scenario, restart_after_s=None, secured=secured) as stack:
        collector = Collector(replace(stack.settings, every_s=0.3, tap=True))
        recorder = Recorder(into)
        collector.add_sink(recorder)
        collector.start()
        seen = Watched(stack, collector, open_recording(into))
        try:
            until(lambda: len(seen.taps()) > 0 and bool(seen.taps()["ok"].iloc[-1]))
            run(stack)
            yield seen
        finally:
            collector.stop()
            recorder.close()


@pytest.mark.parametrize("secured", [False, True], ids=["open", "read-only login"])
def test_a_healthy_job_is_seen_whole(tmp_path: Path, secured: bool) -> None:
    """From the first acknowledgement to the last, and the end of the stream."""
    play_it = play(worker("gpu-01"), save_s=0.02)
    with watched(play_it, tmp_path / "r", secured=secured) as seen:
        until(lambda: seen.status() == "SUCCESS" and len(seen.seqs()) >= IMAGES, 90)
        until(lambda: "STREAM.DELETED" in set(seen.recording.frame("advisories")["kind"]))
        live = seen.collector.history.frame("acks")
    done = open_recording(tmp_path / "r")
    acks = done.frame("acks", job_id=done.jobs()[0])
    assert sorted(acks["stream_seq"]) == list(range(1, IMAGES + 1))
    assert sorted(live["stream_seq"]) == list(range(1, IMAGES + 1))
    assert set(acks["kind"]) == {"+ACK"}
    assert set(acks["delivery"]) == {1}
    latency_s = (acks["acked_at"] - acks["stored_at"]).dt.total_seconds()
    assert (latency_s > 0).all()
    assert done.frame("advisories")["kind"].tolist() == [
        "STREAM.CREATED",
        "CONSUMER.CREATED",
        "CONSUMER.DELETED",
        "STREAM.DELETED",
    ]
    coverage = summarise(done, done.jobs()[0])["coverage"]
    assert (coverage["acks_seen_ratio"], coverage["gaps"]) == (1.0, 0)
    reads = done.frame("reads")
    tapped = reads[reads["source"] == "tap"]
    assert tapped["ok"].all()
    assert tapped["error"].isna().all()


def test_a_crashed_worker_is_seen_in_the_delivery_counts(tmp_path: Path) -> None:
    """It reserved half of the images and died; they were acknowledged at a later delivery."""
    crash = play(
        worker("gpu-01", crash_after=1, back_after_s=1.0, batch=30),
        save_s=0.02,
        ack_wait_s=2.0,
        max_deliver=5,
    )
    with watched(crash, tmp_path / "r") as seen:
        until(lambda: seen.status() == "SUCCESS" and len(seen.seqs()) >= IMAGES, 90)
    done = open_recording(tmp_path / "r")
    acks = done.frame("acks")
    assert set(acks["stream_seq"]) == set(range(1, IMAGES + 1))
    first = acks.drop_duplicates("stream_seq")
    assert (first["delivery"] >= 2).sum() >= 30
    reads = done.frame("reads")
    assert reads.loc[reads["source"] == "tap", "ok"].all()


def test_a_broker_that_dies_leaves_a_gap_that_is_told(tmp_path: Path) -> None:
    """nats-server is killed mid-run and comes back: what was acked meanwhile may be missing, and
    the recording says from when to when; nothing is made up."""
    slow = play(worker("gpu-01"), save_s=0.1, ack_wait_s=3.0, max_deliver=20)
    with watched(slow, tmp_path / "r") as seen:
        until(lambda: len(seen.seqs()) >= 5, 60)
        seen.stack.members["nats"].kill()
        until(lambda: (~seen.taps()["ok"]).sum() >= 2)
        before = seen.seqs()
        seen.stack.start("nats")
        until(lambda: bool(seen.taps()["ok"].iloc[-1]))
        until(lambda: seen.status() in {"SUCCESS", "FAILURE", "REVOKED"}, 90)
    done = open_recording(tmp_path / "r")
    reads = done.frame("reads")
    tapped = reads[reads["source"] == "tap"].reset_index(drop=True)
    failed = tapped.index[~tapped["ok"]]
    assert failed[0] > 0, "it was well before"
    assert tapped["ok"].iloc[-1]
    assert tapped.loc[failed, "error"].str.startswith("not subscribed ").all()
    assert tapped.loc[failed[-1], "error"].startswith("not subscribed from ")
    lost_at, back_at = tapped.loc[[failed[0], failed[-1]], "observed_at"]

    acks = done.frame("acks")
    seqs = set(acks.loc[acks["kind"] == "+ACK", "stream_seq"])
    assert before < seqs <= set(range(1, IMAGES + 1))
    assert not acks["acked_at"].between(lost_at, back_at).any()
    told = summarise(done, done.jobs()[0])
    assert told["status"] == "SUCCESS"
    assert told["coverage"]["acks_seen_ratio"] == len(seqs) / IMAGES
    assert told["coverage"]["gaps"] >= 1
    assert len(seqs) >= IMAGES - 16, "what was under way when it died, and no more"
