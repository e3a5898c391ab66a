"""Measure the verdicts: what is said of each scenario, how soon, and what is said falsely.

    python -m benchmarks.verdicts                      recordings, and every scenario of the demo
    python -m benchmarks.verdicts --only recordings
    python -m benchmarks.verdicts --only starved slow --at-once 1 --markdown

Recordings are those in ``tests/data/antenna``, taken from a real Antenna: they are imported and
judged as ``ami-console diagnose`` does. Scenarios are played on real servers and watched live, by
the collector and its judge, each for as long as it says. A verdict that a scenario does not name
is a false alarm; what it names as being said on the way is not, nor is what it repeats.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.collector import Collector
from ami_console.demo.scenarios import SCENARIOS
from ami_console.demo.stack import Stack
from ami_console.diagnosis import verdicts
from ami_console.frames import FrameSource
from ami_console.importer import import_files, recognised
from ami_console.live_diagnosis import rules_of
from ami_console.recorder import Recorder
from ami_console.recording import open_recording
from benchmarks.figures import aligned

RECORDINGS = Path("tests/data/antenna")
ZONE = ZoneInfo("America/New_York")

# What a recording holds: verdicts, each with the instant at which its cause was put in place.
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "a_healthy": {},
    "b_no_worker": {"no_worker": "2026-11-23T15:15:03.75Z"},  # the stream is made
    "c_worker_crash": {"redelivering": "2026-11-23T15:16:38.79Z"},  # delivered again
    "e_cancelled": {},
    "k_api_down": {"source_down": "2026-11-23T16:40:15.8Z"},  # first refused connection
    "m_slow_but_healthy": {},
    "n_results_lag": {"results_backlog": "2026-11-23T16:49:38.82Z"},  # SIGSTOP to Celery
}
ALSO: Mapping[str, frozenset[str]] = {"c_worker_crash": frozenset({"not_returning"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was said of one job of a scenario, or that nothing was.

    Attributes:
        began_s: From the scenario's start to the begin of the state; ``None`` of a recording.
        after_s: From the begin of the state, or of its cause in a recording, until it was said.
        wanted: ``True`` expected, ``None`` may be said on the way, ``False`` a false alarm.
    """

    scenario: str
    job: str
    code: str
    began_s: float | None = None
    after_s: float | None = None
    end: str = ""
    wanted: bool | None = True


def recorded(name: str) -> list[Row]:
    """Rows of one recording."""
    with tempfile.TemporaryDirectory() as folder:
        files, _ = recognised([RECORDINGS / name])
        import_files(files, Path(folder) / "recording", zone=ZONE)
        recording = open_recording(Path(folder) / "recording")
        assert recording.last_at is not None  # noqa: S101 - it was imported
        said = _shown(verdicts(recording, as_of=recording.last_at))
    rows = []
    for code, cause in EXPECTED[name].items():
        mine = said[said["code"] == code]
        rows.append(_row(name, "", code, mine, began_at=None, cause=pd.Timestamp(cause)))
    others = set(said["code"]) - EXPECTED[name].keys()
    also = ALSO.get(name, frozenset())
    rows += [_row(name, "", c, said[said["code"] == c], wanted=_false(c in also)) for c in others]
    return rows or [Row(scenario=name, job="", code="–")]


def played(name: str) -> list[Row]:
    """Rows of one scenario, watched live for as long as it says."""
    scenario = SCENARIOS[name]
    with Stack(name, announce=lambda _: None) as stack:
        began_at = pd.Timestamp.now("UTC")
        settings = replace(stack.settings, recording=stack.folder / "recording")
        collector = Collector(settings)
        recorder = Recorder(settings.recording)
        collector.add_sink(recorder)
        collector.start()
        time.sleep(scenario.within_s)
        collector.stop()
        recorder.close()
        as_of = pd.Timestamp.now("UTC")
        said = _shown(verdicts(collector.history, as_of=as_of, rules=rules_of(settings)))
        live = open_recording(settings.recording).frame("findings")
        names = _names(collector.history)
    said["job"] = [names.get(job_id, "") for job_id in said["job_id"]]
    rows = []
    for job, codes in scenario.verdicts.items():
        for code in codes:
            mine = said[(said["job"] == job) & (said["code"] == code)]
            if len(mine) and code not in set(live["code"]):
                raise AssertionError(f"{name}: {code} was not recorded while it was watched")
            rows.append(_row(name, job, code, mine, began_at=began_at))
    for (job, code), mine in said.groupby(["job", "code"]):
        if code not in scenario.verdicts.get(job, ()):
            wanted = _false(code in scenario.on_the_way.get(job, ()))
            rows.append(_row(name, job, code, mine, began_at=began_at, wanted=wanted))
    return rows or [Row(scenario=name, job="", code="–")]


def _false(may_be: bool) -> bool | None:
    return None if may_be else False


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["hidden_by"].isna()].copy()


def _names(source: FrameSource) -> dict[int, str]:
    jobs = source.latest("jobs").dropna(subset=["name"])
    return dict(zip(jobs["job_id"].astype(int), jobs["name"], strict=True))


def _row(
    scenario: str,
    job: str,
    code: str,
    mine: pd.DataFrame,
    *,
    began_at: pd.Timestamp | None = None,
    cause: pd.Timestamp | None = None,
    wanted: bool | None = True,
) -> Row:
    if mine.empty:
        return Row(scenario=scenario, job=job, code=code, end="never said")
    first = mine.sort_values("spoken_at").iloc[0]
    begin = cause if cause is not None else first["since"]
    return Row(
        scenario=scenario,
        job=job,
        code=code,
        began_s=None if began_at is None else (begin - began_at).total_seconds(),
        after_s=(first["spoken_at"] - begin).total_seconds(),
        end=str(first["end"]),
        wanted=wanted,
    )


def table(rows: Sequence[Row], *, markdown: bool) -> str:
    """The rows as text."""
    head = ("scenario", "job", "verdict", "state began", "said after", "end", "")
    lines = [head]
    for row in rows:
        mark = {True: "", None: "on the way", False: "FALSE ALARM"}[row.wanted]
        if row.wanted and row.code != "–" and row.after_s is None:
            mark = "MISSING"
        began = "" if row.began_s is None else f"{row.began_s:.0f} s"
        after = "" if row.after_s is None else f"{row.after_s:.1f} s"
        lines.append((row.scenario, row.job, row.code, began, after, row.end, mark))
    return aligned(lines, markdown=markdown)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when something is missing or said falsely."""
    options = _parser().parse_args(arguments)
    asked: list[str] = options.only or ["recordings", *SCENARIOS]
    rows: list[Row] = []
    if "recordings" in asked:
        for name in EXPECTED:
            rows += recorded(name)
    names = [name for name in asked if name in SCENARIOS]
    rows += _all_played(names, at_once=options.at_once)
    print(table(rows, markdown=options.markdown))
    missing = [row for row in rows if row.wanted and row.code != "–" and row.after_s is None]
    false = [row for row in rows if row.wanted is False]
    print(f"\n{len(false)} false alarms, {len(missing)} missing, {len(asked)} asked for")
    return 1 if missing or false else 0


def _all_played(names: Iterable[str], *, at_once: int) -> list[Row]:
    lock, begin = threading.Lock(), time.monotonic()

    def play(name: str) -> list[Row]:
        rows = played(name)
        with lock:
            print(f"{name} played, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        return rows

    with ThreadPoolExecutor(at_once) as pool:
        return [row for rows in pool.map(play, names) for row in rows]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts")
    known: list[Any] = ["recordings", *SCENARIOS]
    parser.add_argument("--only", nargs="+", choices=known, help="instead of everything")
    parser.add_argument("--at-once", type=int, default=3, help="scenarios side by side (3)")
    parser.add_argument("--markdown", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
