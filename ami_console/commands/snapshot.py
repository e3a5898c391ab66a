"""``ami-console snapshot``: one look at every source."""

import argparse
import asyncio

import orjson
import pandas as pd

from ami_console.apps.frame_files import csv_bytes
from ami_console.cli import BAD_INPUT, DONE, SOURCE_FAILED
from ami_console.commands.known_jobs import known_jobs
from ami_console.commands.printing import (
    UNKNOWN,
    cell,
    complain,
    json_text,
    paragraph,
    shortened,
    table,
    unbroken,
)
from ami_console.history import History
from ami_console.metrics import fleet, source_ages
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.snapshot import take
from ami_console.sources.live import state_sources


def run(options: argparse.Namespace) -> int:
    """Look once and print; 3 when a source failed."""
    readings = asyncio.run(_take(Settings.from_environment(), options.job))
    history = History()
    for reading in readings:
        history.add(reading)
    as_of = pd.Timestamp(max(reading.observed_at for reading in readings), tz="UTC")
    jobs = fleet(history, as_of=as_of)
    sources = source_ages(history.latest("reads"), as_of=as_of)
    print(
        {"table": _as_table, "json": _as_json, "csv": _as_csv}[options.format](jobs, sources, as_of)
    )
    failed = [reading for reading in readings if not reading.ok]
    for reading in failed:
        complain(f"{reading.source}: {reading.error or ''}")
    if failed:
        return SOURCE_FAILED
    if unknown := sorted(set(options.job or ()) - known_jobs(history)):
        numbers = ", ".join(map(str, unknown))
        complain(
            f"no source knows job {numbers}; "
            "`ami-console snapshot` without --job lists the active ones"
        )
        return BAD_INPUT
    return DONE


async def _take(settings: Settings, job_ids: list[int] | None) -> list[Reading]:
    sources = state_sources(settings)
    try:
        return await take(sources, job_ids)
    finally:
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)


def _as_table(jobs: pd.DataFrame, sources: pd.DataFrame, as_of: pd.Timestamp) -> str:
    rows = [
        {
            "job": cell(job["job_id"]),
            "name": shortened(cell(job["name"]), 40),
            "state": cell(job["status"]),
            "done": f"{cell(job['processed'])}/{cell(job['total'])}",
            "failed": cell(job["failed"]),
            "backlog": cell(job["num_pending"]),
            "in flight": cell(job["num_ack_pending"]),
        }
        for job in jobs.to_dict("records")
    ]
    marks = [
        f"{source['source']} "
        + ("ok" if source["ok"] is True else "FAILED")
        + f" in {UNKNOWN if pd.isna(source['elapsed_s']) else format(source['elapsed_s'], '.2f')} s"
        for source in sources.to_dict("records")
    ]
    head = f"{as_of:%Y-%m-%d %H:%M:%S} UTC\n{paragraph(' · '.join(map(unbroken, marks)))}"
    known = table(
        rows,
        left=frozenset({"name", "state"}),
        shrinks={"name": 12},
        drops=("failed", "name", "in flight", "backlog", "state"),
    )
    return f"{head}\n\n{known or 'no job is active, and none was lately'}"


def _as_json(jobs: pd.DataFrame, sources: pd.DataFrame, as_of: pd.Timestamp) -> str:
    whole = {"as_of": as_of.isoformat(), "sources": _records(sources), "jobs": _records(jobs)}
    return json_text(whole)


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    records: list[dict[str, object]] = orjson.loads(
        frame.to_json(orient="records", date_format="iso", date_unit="ns")
    )
    return records


def _as_csv(jobs: pd.DataFrame, _sources: pd.DataFrame, _as_of: pd.Timestamp) -> str:
    return csv_bytes(jobs).decode().replace("\r\n", "\n").rstrip()
