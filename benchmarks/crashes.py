"""Kill a recorder, and upkeep, at random instants, and look at what is left.

    python -m benchmarks.crashes               200 recorders, half by kill -9, half by SIGTERM
    python -m benchmarks.crashes --runs 40 --upkeep 10 --seed 7
    python -m benchmarks.crashes --json

The recorder is what `ami-console record` runs: collector, diagnosis and recorder, on three sources
that answer at once, a look per millisecond each, a segment every 5 to 100 ms, a day every
1,440 looks; so that packing, joining and the ends of days are under way all the time. Half of the
deaths come from outside after a random time (from the first microseconds on), half by its own hand
just before a random step on the disk. Each recording is killed in ten times and gone on with.
After each death it is read by the library and by pyarrow alone; compared is what the recorder had
said through a pipe: that a look was taken, that it was recorded.

`recording compact` and `recording prune --to` are killed in the same two ways, then run again.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from ami_console.reading import SourceName
from ami_console.recording import RecordingWriter
from ami_console.recording.layout import part_span
from benchmarks.crash_checks import Tally, compare, looks_in
from benchmarks.crashing import (
    BEGIN_NS,
    SAID,
    SOURCES,
    TAKEN,
    End,
    look,
    record,
    upkeep,
)

DEATHS_PER_RECORDING = 10
KILLS = (signal.SIGKILL, signal.SIGTERM)
ENDS_WITHIN_S = 30.0
LOOKS_PER_PART = 240
LOOKS_OF_DAYS = 5_000
LEFT_AT_REST = {"recording.json", "recording.lock", "packing.lock"}
DAY_NS = 86_400 * 10**9


class _Heard:
    """What a recorder says through its pipe."""

    def __init__(self, begins: Mapping[SourceName, int], pipe: Connection) -> None:
        self._pipe = pipe.fileno()
        os.set_blocking(self._pipe, False)
        self.taken, self.recorded = dict(begins), dict(begins)

    def take_in(self) -> None:
        """Read what is there."""
        while content := self._read():
            for source, kind, number in SAID.iter_unpack(content):
                held = self.taken if kind == TAKEN else self.recorded
                held[SOURCES[source]] = number + 1

    def _read(self) -> bytes:
        try:
            return os.read(self._pipe, SAID.size * 4000)
        except BlockingIOError:
            return b""


_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["benchmarks.crashing"])


def kill_recorder(path: Path, by: signal.Signals, rng: np.random.Generator) -> Tally:
    """Have a recorder go on with a recording, kill it, and look at what is left."""
    tally = Tally(deaths=1)
    there = dict.fromkeys(SOURCES, 0) if not path.exists() else looks_in(path)
    hear, say = _processes.Pipe(duplex=False)
    heard = _Heard(there, hear)
    end = End(int(rng.integers(1, 250)) if rng.random() < 0.5 else None, by)
    segment_s = float(rng.choice([0.005, 0.03, 0.1]))
    process = _processes.Process(target=record, args=(path, there, say, segment_s, end))
    process.start()
    say.close()
    # From outside also soon after the start, when the remains of the last one are cleared away.
    lives_s = ENDS_WITHIN_S if end.step else 10 ** rng.uniform(-3, -0.3)
    if not _ended(process, heard, lives_s):
        os.kill(process.pid or 0, by)
    began = time.monotonic()
    if not _ended(process, heard, ENDS_WITHIN_S):
        tally.hung = 1
        process.kill()
        process.join()
    if by is signal.SIGTERM and not end.step:
        tally.ended_ms_max = (time.monotonic() - began) * 1e3
    heard.take_in()
    hear.close()
    if process.exitcode not in (0, -by):
        tally.problems.append(f"{path}: the recorder ended with {process.exitcode}")
    process.close()
    compare([path], heard.taken, heard.recorded, tally)
    return tally


def _ended(process: BaseProcess, heard: _Heard | None, after_s: float) -> bool:
    """Wait for a process, for so long; whether it has ended."""
    end = time.monotonic() + after_s
    while process.is_alive() and (left_s := end - time.monotonic()) > 0:
        if heard is not None:
            heard.take_in()  # else the pipe is full and it waits for us
        process.join(min(0.002, left_s))
    return not process.is_alive()


def kill_recorders(folder: Path, runs: int, seed: int) -> dict[str, Tally]:
    """Kill recorders of one recording, in turn in both ways, and bring it to rest.

    Args:
        folder: Where the recording is to be.
        runs: How many.
        seed: Of all that is random here.

    Returns:
        Signal → what came of it.
    """
    rng = np.random.default_rng(seed)
    tallies = {by.name: Tally() for by in KILLS}
    path = folder / f"recording-{seed}"
    for run in range(runs):
        by = KILLS[run % len(KILLS)]
        tallies[by.name].add(kill_recorder(path, by, rng))
    _bring_to_rest(path, tallies[by.name])
    return tallies


def _bring_to_rest(path: Path, tally: Tally) -> None:
    """A last recorder clears up: nothing is left over, and nothing is there twice for others."""
    before, at_rest = looks_in(path), Tally()
    with RecordingWriter(path) as writer:
        pass
    at_rest.problems += [*writer.problems, *([writer.trouble] if writer.trouble else [])]
    compare([path], before, before, at_rest)
    left = {file.name for file in path.rglob("*") if file.is_file() and not part_span(file.name)}
    if left - LEFT_AT_REST or at_rest.twice_to_others:
        at_rest.problems.append(f"{path} at rest: {left - LEFT_AT_REST or 'rows are there twice'}")
    at_rest.looks = 0  # counted already
    tally.add(at_rest)


def recorded_days(path: Path, looks: int) -> Path:
    """A recording of so many looks, 1,440 a day, a day in several parts."""
    with RecordingWriter(path) as writer:
        for begin in range(0, looks, LOOKS_PER_PART):
            numbers = range(begin, min(looks, begin + LOOKS_PER_PART))
            writer.append_many([look(name, n) for n in numbers for name in SOURCES])
            writer.seal(wait=True)
    return path


def kill_upkeep(made: Path, folder: Path, words: Sequence[str], rng: np.random.Generator) -> Tally:
    """Kill upkeep of a copy of a recording, look at what is left, and run it again.

    Args:
        made: The recording; not changed.
        folder: An empty one, for its copy, and for ``archive`` where the words name it.
        words: The command's.
        rng: Tells when.
    """
    tally = Tally(deaths=1)
    path, away = folder / "recordings", folder / "archive"
    shutil.copytree(made, path)
    looks = looks_in(path)
    said = [words[0], str(path), *(str(away) if word == "archive" else word for word in words[1:])]
    end = End(int(rng.integers(1, 120)) if rng.random() < 0.5 else None)
    process = _processes.Process(target=upkeep, args=(folder, said, end))
    process.start()
    if not _ended(process, None, ENDS_WITHIN_S if end.step else 10 ** rng.uniform(-2, 0)):
        process.kill()
    process.join()
    compare([path, away], looks, looks, tally)
    again = _processes.Process(target=upkeep, args=(folder, said, End()))
    again.start()
    if not _ended(again, None, ENDS_WITHIN_S):
        tally.hung = 1
        again.kill()
    again.join()
    if again.exitcode != 0:
        tally.problems.append(f"{' '.join(said)} again ended with {again.exitcode}")
    done = Tally()
    compare([path, away], looks, looks, done)
    unfinished = [file.name for file in folder.rglob(".*")]
    if unfinished or done.twice_to_others:
        done.problems.append(f"{path} after all: {unfinished or 'rows are there twice'}")
    done.looks = 0
    tally.add(done)
    return tally


COLUMNS: Mapping[str, str] = {
    "deaths": "deaths",
    "looks": "looks",
    "in_flight": "in flight",
    "in_flight_max": "at most",
    "lost": "lost",
    "twice": "twice",
    "invented": "invented",
    "damaged": "damaged",
    "not_opened": "not opened",
    "hung": "hung",
    "twice_to_others": "half joined",
    "opened_ms_max": "opened in",
    "ended_ms_max": "ended in",
}


def table(tallies: Mapping[str, Tally], *, markdown: bool) -> str:
    """What came of it, a row per way to die."""
    lines = [["", *COLUMNS.values()]]
    for what, tally in tallies.items():
        told = [getattr(tally, name) for name in COLUMNS]
        lines.append([what, *(f"{v:.0f} ms" if isinstance(v, float) else f"{v:,}" for v in told)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [
        [cell.rjust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    if markdown:
        padded.insert(1, ["-" * (width - 1) + ":" for width in widths])
        return "\n".join(f"| {' | '.join(line)} |" for line in padded)
    return "\n".join("  ".join(line) for line in padded)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Tally]:
    """All deaths that were asked for."""
    tallies = {f"record, {by.name}": Tally() for by in KILLS}
    begins = range(0, options.runs, DEATHS_PER_RECORDING)
    with ThreadPoolExecutor(options.at_once) as pool:

        def recorders(begin: int) -> dict[str, Tally]:
            runs = min(DEATHS_PER_RECORDING, options.runs - begin)
            return kill_recorders(folder, runs, options.seed + begin)

        for of_one in pool.map(recorders, begins):
            for name, tally in of_one.items():
                tallies[f"record, {name}"].add(tally)
        if options.upkeep:
            made = recorded_days(folder / "made", LOOKS_OF_DAYS)
            for words in (["compact"], prune_words()):

                def died(number: int, words: Sequence[str] = words) -> Tally:
                    place = folder / f"{words[0]}-{number}"
                    place.mkdir()
                    rng = np.random.default_rng(options.seed + number)
                    return kill_upkeep(made, place, words, rng)

                tallies[f"{words[0]}, SIGKILL"] = Tally()
                for tally in pool.map(died, range(options.upkeep)):
                    tallies[f"{words[0]}, SIGKILL"].add(tally)
    return tallies


def prune_words() -> list[str]:
    """The command that puts the first two days of :func:`recorded_days` away."""
    kept_from = BEGIN_NS // DAY_NS + 2
    age_days = int(datetime.now(UTC).timestamp()) // 86_400 - kept_from
    return ["prune", "--older-than", f"{age_days}d", "--to", "archive", "--yes"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, look and print; 1 when anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crashes")
    parser.add_argument("--runs", type=int, default=200, help="recorders to kill (200)")
    parser.add_argument("--upkeep", type=int, default=30, help="of each kind of upkeep (30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="side by side (2)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="ami-crashes-"))
    try:
        tallies = measure(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        json.dump({what: asdict(tally) for what, tally in tallies.items()}, sys.stdout, indent=2)
        print()
    else:
        print(table(tallies, markdown=options.markdown))
    for tally in tallies.values():
        for problem in tally.problems:
            print(problem, file=sys.stderr)
    return 0 if all(tally.ok for tally in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
