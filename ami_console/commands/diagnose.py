"""``ami-console diagnose``: what is wrong, why, with which evidence, and what to do."""

import argparse
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace

import pandas as pd

from ami_console.cli import DONE, FOUND, SOURCE_FAILED
from ami_console.collector import Collector
from ami_console.commands.known_jobs import known_jobs
from ami_console.commands.printing import (
    cell,
    complain,
    duration,
    json_text,
    paragraph,
    printable,
)
from ami_console.diagnosis import Finding, outlook
from ami_console.diagnosis.finding import Evidence, plain
from ami_console.errors import RecordingError, SettingsError, UnknownJobError
from ami_console.frames import FrameSource
from ami_console.instants import now_ns
from ami_console.live_diagnosis import LOOK_BACK_S, diagnose_recorded, rules_of
from ami_console.metrics import task_times
from ami_console.reading import FINAL_STATUSES
from ami_console.recording import open_recording
from ami_console.settings import Settings

WRITTEN_WITHIN_S = 30.0
"""A recording whose last look is older than this is not being written now."""


def run(options: argparse.Namespace) -> int:
    """Judge and print; 1 when something needs a human, 3 when no source could be read."""
    settings = Settings.from_environment()
    source, as_of, where = _what(options, settings)
    jobs = options.jobs or None
    _check_known(source, jobs, where)
    rules = rules_of(settings)
    findings = diagnose_recorded(source, as_of=as_of, job_ids=jobs, rules=rules)
    if options.format == "json":
        told = [finding.as_json() for finding in findings]
        print(json_text(told))
    else:
        print(paragraph(f"as of {_instant(as_of)}, judged by {where}", indent=2))
        since = as_of - pd.Timedelta(seconds=LOOK_BACK_S)
        coming = outlook(source, as_of=as_of, job_ids=jobs, since=since, rules=rules)
        print(_as_text(findings, coming, _running(source, as_of), as_of))
        for line in _thrown_away(source, as_of, jobs):
            print(line)
    reads = source.latest("reads", until=as_of)
    core = reads[reads["source"].isin(["antenna", "nats", "redis"])]
    if len(core) and not core["ok"].fillna(False).any():
        return SOURCE_FAILED
    return FOUND if any(finding.needs_a_human for finding in findings) else DONE


def _what(options: argparse.Namespace, settings: Settings) -> tuple[FrameSource, pd.Timestamp, str]:
    """What is judged, the instant, and what to call it."""
    asked_at = _parsed(options.as_of)
    if options.recording is not None or asked_at is not None:
        path = options.recording or settings.recording
        recording = open_recording(path)
        for damage in recording.damaged:
            complain(f"left out {damage.path}: {damage.reason}")
        last_at = recording.last_at
        if last_at is None:
            raise RecordingError(f"{path} holds no look at all, so there is nothing to judge")
        return recording, asked_at or last_at, f"the recording {path}"
    now = pd.Timestamp(now_ns(), tz="UTC")
    with suppress(RecordingError):  # there is none yet
        recording = open_recording(settings.recording)
        last_at = recording.last_at
        if last_at is not None and (now - last_at).total_seconds() <= WRITTEN_WITHIN_S:
            # After this machine's clock was set back the recorder is ahead of it.
            return recording, max(now, last_at), f"{settings.recording}, which is being written"
    return _looked(settings, options.for_s, options.jobs or None)


def _looked(
    settings: Settings, for_s: float, jobs: Collection[int] | None
) -> tuple[FrameSource, pd.Timestamp, str]:
    """A watch of our own: states must hold for a while before they speak."""
    collector = Collector(replace(settings, every_s=min(settings.every_s, 2.0)), job_ids=jobs)
    end = time.monotonic() + for_s
    collector.start()
    try:
        while (left_s := end - time.monotonic()) > 0:
            if sys.stderr.isatty():
                print(f"\rlooking, {left_s:.0f} s more …\x1b[K", end="", file=sys.stderr)
            time.sleep(min(0.5, left_s))
    finally:
        collector.stop()
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
    return collector.history, pd.Timestamp(now_ns(), tz="UTC"), f"{for_s:g} s of looks"


def _parsed(text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    try:
        at = pd.Timestamp(text)
    except ValueError:
        at = pd.NaT
    if pd.isna(at):
        raise SettingsError(
            f"--as-of {printable(text)} is no instant: it must be ISO 8601, such as "
            "2026-11-23T15:20:00Z"
        )
    return at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")


def _check_known(source: FrameSource, jobs: Collection[int] | None, where: str) -> None:
    known = known_jobs(source)
    if unknown := sorted(set(jobs or ()) - known):
        raise UnknownJobError(
            f"nothing is known of job {', '.join(map(str, unknown))} from {where}; jobs in it: "
            f"{', '.join(map(str, sorted(known))) or 'none'}"
        )


def _running(source: FrameSource, as_of: pd.Timestamp) -> int:
    status = source.latest("jobs", until=as_of)["status"].dropna()
    return int((~status.isin([*FINAL_STATUSES, "CREATED"])).sum())


def _as_text(
    findings: Sequence[Finding], coming: pd.DataFrame, running: int, as_of: pd.Timestamp
) -> str:
    found = [finding for finding in findings if finding.outcome == "finding"]
    blocks = [_block(finding, as_of) for finding in found]
    if not found:
        blocks.append(f"nothing is wrong; {running} job{'s' if running != 1 else ''} running")
    blocks += [
        paragraph(
            f"job {row['job_id']}, in {duration((row['at'] - as_of).total_seconds())}: "
            f"{row['says']} This assumes {row['assumes']}.",
            head="NEXT  ",
        )
        for row in coming.to_dict("records")
    ]
    blocks += _unknown([finding for finding in findings if finding.outcome == "cant_tell"])
    return "\n\n".join(blocks)


def _block(finding: Finding, as_of: pd.Timestamp) -> str:
    about = f"job {finding.job_id}" if finding.job_id is not None else finding.subject or ""
    since = ""
    if finding.since is not None:
        age_s = (as_of - finding.since).total_seconds()
        since = f" · since {_instant(finding.since)} ({duration(age_s)})"
    head = f"{finding.severity.upper()}  "
    lines = [paragraph(f"{about} · {finding.code}{since}", head=head, indent=2)]
    told = [
        ("", finding.title),
        ("why", finding.why),
        ("evidence", _evidence(finding.evidence)),
        ("doubt", finding.doubt),
        ("wrong if", finding.disproved_by),
        ("do", finding.next_step),
        ("explains", ", ".join(finding.explains)),
    ]
    lines += [
        paragraph(text, head=f"  {name:<10}" if name else "  ") for name, text in told if text
    ]
    return "\n".join(lines)


def _evidence(evidence: Sequence[Evidence]) -> str:
    """Numbers by who told them and when."""
    by_read: dict[tuple[str, str], list[str]] = {}
    for each in evidence:
        at = "" if each.observed_at is None else f" {each.observed_at:%H:%M:%S}"
        value = plain(each.value)
        shown = cell(each.value) if isinstance(each.value, pd.Timestamp) else _shown(value)
        by_read.setdefault((each.source, at), []).append(f"{each.name} {shown}")
    return "; ".join(f"{source}{at}: {', '.join(v)}" for (source, at), v in by_read.items())


def _shown(value: object) -> str:
    return "unknown" if value is None else cell(value)


def _unknown(findings: Sequence[Finding]) -> list[str]:
    """What can't be told: the codes that have the same reason together."""
    together: dict[tuple[int | None, str], list[str]] = {}
    for finding in findings:
        together.setdefault((finding.job_id, finding.why), []).append(finding.code)
    return [
        paragraph(f"job {job_id}: {', '.join(codes)}. {why}", head="CAN'T TELL  ")
        for (job_id, why), codes in together.items()
    ]


def _thrown_away(
    source: FrameSource, as_of: pd.Timestamp, jobs: Collection[int] | None
) -> list[str]:
    """Of jobs that are over: results that came back after their stream was gone."""
    acks, events = (source.frame(name, until=as_of) for name in ("acks", "log_events"))
    latest = source.latest("jobs", until=as_of)
    over = latest[latest["status"].isin(FINAL_STATUSES)]
    wanted = over if jobs is None else over[over["job_id"].isin(list(jobs))]
    tasks = task_times(
        acks=acks,
        log_events=events,
        advisories=source.frame("advisories", until=as_of),
    )
    told = []
    for row in wanted.to_dict("records"):
        mine = tasks[tasks["job_id"] == row["job_id"]]
        count = int(mine["is_discarded"].fillna(False).sum()) if len(mine) else 0
        if count:
            told.append(
                paragraph(
                    f"job {row['job_id']} ended as {row['status']}; {count:,} results that "
                    "workers posted afterwards were thrown away with its stream.",
                    head="PAST  ",
                )
            )
    return told


def _instant(at: pd.Timestamp) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
