"""Real logs as text and as rows; rows as they can be compared."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ami_console.batch import Batch
from ami_console.logs import LogParser, parse_job_log

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"
NEW_YORK = ZoneInfo("America/New_York")

Row = dict[str, Any]


def text_of(scenario: str, name: str) -> str:
    """A file of a recording, unpacked."""
    (path,) = (ANTENNA / scenario).glob(f"{name}*")
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def job_lines(scenario: str) -> tuple[int, list[str]]:
    """Number and log of the recorded job, newest line first."""
    body = json.loads(text_of(scenario, "final_detail.json"))["body"]
    return body["id"], body["logs"]["stdout"]


def job_log(scenario: str) -> list[Row]:
    """Rows of the recorded job's log."""
    job_id, lines = job_lines(scenario)
    return rows_of([parse_job_log(lines, job_id=job_id, zone=NEW_YORK, observed_at=None)])


def parsed(text: str, **options: Any) -> list[Row]:
    """Rows of a log's text, read at once."""
    parser = LogParser(options.pop("zone", NEW_YORK), **options)
    return rows_of([parser.feed(text), parser.finish()])


def rows_of(batches: Iterable[Batch]) -> list[Row]:
    """All rows, without the columns in which they have nothing."""
    rows = [row for batch in batches for row in batch]
    return [{k: row[k] for k in sorted(row) if row[k] is not None} for row in rows]


def of_kind(rows: Iterable[Row], kind: str | None) -> list[Row]:
    """The rows of one kind."""
    return [row for row in rows if row.get("kind") == kind]
