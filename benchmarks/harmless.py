"""Does watching slow Antenna down? The stand-in's throughput with and without us, interleaved.

    python -m benchmarks.harmless                       both moods, ten minutes
    python -m benchmarks.harmless --pairs 4 --block 3 paced --json

Real nats-server and redis-server, the stand-in, two workers and a job that moves all the while.
Blocks of time with a whole collector (every source, job logs, the tap, a recorder; pauses as they
are without settings) take turns with blocks without one, in the order off, on, on, off, so that a
machine that gets slower favours neither. Two moods: ``paced``, where workers need their time for
each image, as in life; and ``flat_out``, where nothing but the stand-in, a single process, limits
them, so that whatever it does for us is missing elsewhere. All run on one machine, so that our own
processor time is taken from them too, which it is not where the console has a machine of its own.
And each block begins with a search for jobs, which else comes once in 30 s.

``difference`` is the median over pairs of throughput with us against without, with its 95 %
interval (bootstrap of the pairs); ``noise`` how far two neighbouring blocks without us are apart
(the median of those). Harmless: the difference is less than the noise, or its interval holds 0; a
wide interval says that the machine was too busy to tell better.
``cores`` are of each server process, without us and with us; of a few percent they tell more than
the throughput can.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import redis

from ami_console.collector import Collector
from ami_console.demo.plans import JobPlan, Scenario, WorkerPlan
from ami_console.demo.stack import Stack
from ami_console.recorder import Recorder
from ami_console.settings import Settings

PIPELINE = "eastern_canada_moths_2026"
SETTLE_S = 1.0
DRAWS = 4_000
SERVERS = ("antenna", "nats", "redis")
STARTS_WITHIN_S = 120.0


def mood(image_s: float, *, images: int, batch: int) -> Scenario:
    """A job that lasts, and two workers."""
    job = JobPlan(
        name="Lac Supérieur",
        project="laurentian",
        pipeline=PIPELINE,
        images=images,
        save_s=0.0,
        savers=2 * batch,
    )
    workers = tuple(
        WorkerPlan(name=f"gpu-0{n}", pipelines=(PIPELINE,), batch=batch, image_s=image_s)
        for n in (1, 2)
    )
    return Scenario(
        name="harmless", says="it moves", jobs=(job,), workers=workers, health_check_every_s=86_400
    )


MOODS: Mapping[str, Scenario] = {
    "paced": mood(0.05, images=40_000, batch=8),
    "flat_out": mood(0.0, images=120_000, batch=16),
}


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        watched: Whether we were there.
        per_s: Images a second that were saved.
        cores: Server process → processor time over wall time.
        ours: The same of this process.
    """

    watched: bool
    per_s: float
    cores: Mapping[str, float]
    ours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one mood came to.

    Attributes:
        mood: Which.
        pairs: How many pairs of blocks.
        block_s: Length of a block, seconds.
        off_per_s: Images a second without us, the median block.
        on_per_s: With us.
        difference: Median over the pairs of with by without, less 1.
        low: Of its 95 % interval.
        high: Of its 95 % interval.
        noise: Median distance of neighbouring blocks without us.
        cores_off: Server process → processor time over wall time without us.
        cores_on: With us.
        ours: Of our own process while it watches.
    """

    mood: str
    pairs: int
    block_s: float
    off_per_s: float
    on_per_s: float
    difference: float
    low: float
    high: float
    noise: float
    cores_off: Mapping[str, float]
    cores_on: Mapping[str, float]
    ours: float

    @property
    def is_harmless(self) -> bool:
        """Whether the difference is less than the noise, or can't be told from none."""
        return abs(self.difference) < self.noise or self.low <= 0.0 <= self.high


def order(pairs: int) -> Iterator[bool]:
    """With us or without, block by block: off, on, on, off."""
    for pair in range(pairs):
        yield from (False, True) if pair % 2 == 0 else (True, False)


@contextmanager
def watching(settings: Settings, folder: Path) -> Iterator[None]:
    """All that ``record --tap`` does."""
    collector = Collector(replace(settings, tap=True))
    recorder = Recorder(folder / f"recording-{time.time_ns()}")
    collector.add_sink(recorder)
    collector.start()
    try:
        yield
    finally:
        collector.stop()
        recorder.close()


@contextmanager
def alone() -> Iterator[None]:
    """Nobody looks."""
    yield


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, seconds; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(stack: Stack, saved: Callable[[], int], watched: bool, block_s: float) -> Block:
    """One block; whoever is to watch does so already."""
    pids = {name: pid for name, pid in stack.pids.items() if name in SERVERS}
    before_s = {name: cpu_s(pid) for name, pid in pids.items()}
    ours_s, began_s, began = time.process_time(), time.monotonic(), saved()
    time.sleep(block_s)
    done, took_s = saved() - began, time.monotonic() - began_s
    cores = {name: (cpu_s(pid) - before_s[name]) / took_s for name, pid in pids.items()}
    return Block(watched, done / took_s, cores, (time.process_time() - ours_s) / took_s)


def blocks(scenario: Scenario, *, pairs: int, block_s: float) -> list[Block]:
    """All blocks of one mood, in their order.

    Raises:
        RuntimeError: The job came to its end before.
    """
    total = scenario.jobs[0].images
    with tempfile.TemporaryDirectory() as folder, Stack(scenario, restart_after_s=None) as stack:
        store = redis.Redis.from_url(stack.settings.redis_url.reveal())
        with store:
            left = _left(store)

            def saved() -> int:
                return total - left()

            _wait(lambda: saved() > 200)
            found = []
            for watched in order(pairs):
                with watching(stack.settings, Path(folder)) if watched else alone():
                    time.sleep(SETTLE_S)
                    found.append(measure(stack, saved, watched, block_s))
                if saved() >= total:
                    raise RuntimeError(f"the job of {total} images is over, take fewer pairs")
    return found


def _left(store: "redis.Redis") -> Callable[[], int]:
    """How many results are still to be saved, by one command."""

    def keys() -> list[bytes]:
        return list(store.scan_iter("job:*:pending_images:results"))

    _wait(lambda: bool(keys()))
    (key,) = keys()
    return lambda: int(store.scard(key))


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("the job did not begin to move")
        time.sleep(0.05)


def compared(name: str, found: Sequence[Block], *, block_s: float) -> Found:
    """What the blocks of a mood tell.

    Args:
        name: Of the mood.
        found: Blocks in their order, two of each pair one after another.
        block_s: Length of a block, seconds.
    """
    off = [block for block in found if not block.watched]
    on = [block for block in found if block.watched]
    ratios = np.array([there.per_s / here.per_s - 1 for here, there in zip(off, on, strict=True)])
    chance = np.random.default_rng(20_261)
    drawn = np.median(chance.choice(ratios, size=(DRAWS, len(ratios))), axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    rates = np.array([block.per_s for block in off])
    return Found(
        mood=name,
        pairs=len(ratios),
        block_s=block_s,
        off_per_s=float(np.median(rates)),
        on_per_s=float(np.median([block.per_s for block in on])),
        difference=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        noise=float(np.median(np.abs(rates[1:] / rates[:-1] - 1))),
        cores_off=_cores(off),
        cores_on=_cores(on),
        ours=float(np.median([block.ours for block in on])),
    )


def _cores(found: Sequence[Block]) -> Mapping[str, float]:
    return {name: float(np.median([block.cores[name] for block in found])) for name in SERVERS}


def told(found: Sequence[Found]) -> str:
    """The table."""
    lines = [
        f"{'mood':9} {'pairs':>5} {'off/s':>7} {'on/s':>7} {'difference':>10} "
        f"{'95 % interval':>18} {'noise':>6}  cores of antenna, nats, redis, ours"
    ]
    for each in found:
        interval = f"{each.low:+.1%} to {each.high:+.1%}"
        cores = ", ".join(
            f"{each.cores_off[name]:.3f} → {each.cores_on[name]:.3f}" for name in SERVERS
        )
        lines.append(
            f"{each.mood:9} {each.pairs:5} {each.off_per_s:7.1f} {each.on_per_s:7.1f} "
            f"{each.difference:+10.1%} {interval:>18} {each.noise:6.1%}  {cores}, {each.ours:.2f}"
            f"  {'harmless' if each.is_harmless else 'NOT HARMLESS'}"
        )
    return "\n".join(lines)


def main() -> int:
    """Run and print; 1 when watching made a difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("moods", nargs="*", help=f"some of {', '.join(MOODS)} (all)")
    parser.add_argument("--pairs", type=int, default=16, help="of blocks, each mood (16)")
    parser.add_argument("--block", type=float, default=8.0, help="seconds (8)")
    parser.add_argument("--json", action="store_true", help="print one object")
    asked = parser.parse_args()
    if unknown := set(asked.moods) - set(MOODS):
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(MOODS)}")
    found = [
        compared(
            name, blocks(MOODS[name], pairs=asked.pairs, block_s=asked.block), block_s=asked.block
        )
        for name in asked.moods or MOODS
    ]
    if asked.json:
        shown = [asdict(each) | {"is_harmless": each.is_harmless} for each in found]
        print(orjson.dumps({"moods": shown}, option=orjson.OPT_INDENT_2).decode())
    else:
        print(told(found))
    return 0 if all(each.is_harmless for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
