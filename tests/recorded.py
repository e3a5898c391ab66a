"""The real recordings as histories, as a whole or by some of their ways of knowing."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from ami_console.history import History
from ami_console.logs import LogParser, parse_job_log
from ami_console.reading import Reading
from ami_console.sources import poll_log

ANTENNA = Path(__file__).parent / "data" / "antenna"
ZONE = ZoneInfo("America/New_York")

JOBS = {
    "a_healthy": 3,
    "b_no_worker": 4,
    "c_worker_crash": 6,
    "e_cancelled": 7,
    "k_api_down": 115,
    "m_slow_but_healthy": 117,
    "n_results_lag": 118,
}

WAYS = ("looks", "tap", "job_log", "django", "celery")


def history_of(scenario: str, *ways: str) -> History:
    """A history of one recording; of some of its ``WAYS`` only, where they are named."""
    history = History(keep_s=1e6)
    for way in ways or ("looks", "tap"):
        for reading in readings(scenario, way):
            history.add(reading)
    return history


def readings(scenario: str, way: str) -> Iterator[Reading]:
    """What one way of knowing told of a job."""
    names = {"looks": "series.jsonl", "tap": "events.jsonl", "job_log": "final_detail.json"}
    path = _file(scenario, names.get(way, f"{way}.log"))
    if way in ("looks", "tap"):
        yield from poll_log.readings(path, zone=ZONE, notes=poll_log.Notes())
        return
    if way == "job_log":
        lines = json.loads(_text(path))["body"]["logs"]["stdout"]
        batches = [parse_job_log(lines, job_id=JOBS[scenario], zone=ZONE, observed_at=None)]
    else:
        parser = LogParser(ZONE)
        batches = [parser.feed(_text(path)), parser.finish()]
    for batch in batches:
        if len(batch):
            at = max(batch.column("observed_at"))
            source = "job_logs" if way == "job_log" else "log_files"
            yield Reading(source=source, observed_at=at, rows={"log_events": batch})


def raw_acks(scenario: str) -> list[tuple[str, int, int, int]]:
    """Receive time, attempt, sequence and instant stored (ns) of each ack, plainly read."""
    found = []
    for line in _text(_file(scenario, "events.jsonl")).splitlines():
        message = json.loads(line)
        tokens = message.get("subject", "").split(".")
        if tokens[:2] == ["$JS", "ACK"] and tokens[2] == f"job_{JOBS[scenario]}":
            found.append((message["t"], int(tokens[4]), int(tokens[5]), int(tokens[7])))
    return found


def raw_deletion(scenario: str) -> str:
    """Receive time of the advisory that the job's stream was deleted."""
    for line in _text(_file(scenario, "events.jsonl")).splitlines():
        message = json.loads(line)
        if ".STREAM.DELETED." in message.get("subject", ""):
            return str(message["t"])
    raise AssertionError(f"{scenario} has no such advisory")


def _file(scenario: str, name: str) -> Path:
    (found,) = (ANTENNA / scenario).glob(f"{name}*")
    return found


def _text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
