"""Have something happen to the machine, or to our own process, while it records.

    python -m benchmarks.own_faults                          all of it, some three minutes
    python -m benchmarks.own_faults --only "disk full" suspended --holds 20
    python -m benchmarks.own_faults --markdown
    python -m benchmarks.own_faults --json

A real demo (servers, jobs, workers) is watched, recorded and drawn by a process of its own. Its
disk is full for a while (a tmpfs of 8 MB where mounting is allowed, else a limit on the size of its
files), its clock is set forward or back, or it is stopped and goes on. Told are what the page said,
the looks that were lost, and how long it took until all was live again. Killing it is
`benchmarks.crashes`.
"""

import argparse
import contextlib
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ami_console.demo.stack import Stack
from benchmarks.own_watch import AFTER_S, BEFORE_S, FAULTS, Outcome, play, shell

TAKES_AT_MOST_S = 180.0
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["benchmarks.own_watch"])


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of 8 MB; where mounting is not allowed, a usual folder."""
    with tempfile.TemporaryDirectory(prefix="ami-own-faults-") as folder:
        is_mounted = shell(f"mount -t tmpfs -o size=8m tmpfs {folder}") == 0
        try:
            yield Path(folder)
        finally:
            if is_mounted:
                shell(f"umount {folder}")


@contextlib.contextmanager
def usual_disk() -> Iterator[Path]:
    """An empty folder."""
    with tempfile.TemporaryDirectory(prefix="ami-own-faults-") as folder:
        yield Path(folder)


def suffer(
    fault: str,
    environment: Mapping[str, str],
    folder: Path,
    *,
    holds_s: float,
    before_s: float = BEFORE_S,
    after_s: float = AFTER_S,
) -> Outcome:
    """Play a fault in a process of its own.

    Args:
        fault: A key of :data:`benchmarks.own_watch.FAULTS`.
        environment: Leads to a running demo.
        folder: An empty one to record in; a file system of its own can be filled.
        holds_s: How long it lasts, seconds.
        before_s: How long to look on before, seconds.
        after_s: How long to look on after all is live again, seconds.
    """
    hear, say = _processes.Pipe(duplex=False)
    process = _processes.Process(
        target=play,
        args=(fault, environment, folder / "recording", (before_s, holds_s, after_s), say),
    )
    process.start()
    say.close()
    outcome = Outcome(fault, problems=[f"it said nothing for {TAKES_AT_MOST_S:g} s: it hangs"])
    try:
        if hear.poll(TAKES_AT_MOST_S):
            outcome = hear.recv()
    except EOFError:
        outcome.problems = ["it ended without a word"]
    process.kill()
    process.join()
    process.close()
    hear.close()
    return outcome


def wrong(outcome: Outcome, *, looks: int = 2) -> list[str]:
    """What is not as it should be; empty: all is well.

    Args:
        outcome: Of a fault.
        looks: After how many all must be live again; on a busy machine it is seen late.
    """
    _, right = FAULTS[outcome.fault]
    problems = list(outcome.problems)
    if false := set(outcome.found) - right:
        problems.append(f"false findings: {', '.join(sorted(false))}")
    limits = {
        "lost_outside": 1,
        "live_after_looks": looks,
        "rush": looks + 1,  # the one that is due, the next, and a search for jobs
        "out_of_order": 0,
        "bad_rates": 0,
    }
    for name, most in limits.items():
        if (value := getattr(outcome, name)) > most:
            problems.append(f"{name}: {value}, at most {most}")
    return problems


def table(outcomes: Sequence[Outcome], *, markdown: bool) -> str:
    """A row per fault."""
    head = ("fault", "the page said", "found", "lost in it", "lost outside", "live again after",
            "looks", "the recording shows")  # fmt: skip
    lines = [head]
    for each in outcomes:
        lines.append(
            (
                each.fault,
                " ".join(each.said) or "–",
                ", ".join(each.found) or "–",
                f"{each.lost_inside:,}",
                f"{each.lost_outside:,}",
                f"{each.live_after_s:.1f} s",
                f"{each.live_after_looks:,}",
                "; ".join(each.gap) or "no gap",
            )
        )
    if markdown:
        lines.insert(1, tuple("---" for _ in head))
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    titled = (dict(zip(head, line, strict=True)) for line in lines[1:])
    return "\n\n".join(
        "\n".join(f"{title:>20}  {said}" for title, said in row.items()) for row in titled
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play and print; 1 when anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.own_faults")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--holds", type=float, default=15.0, help="seconds (15)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args(arguments)
    outcomes = []
    with Stack("healthy", restart_after_s=None) as stack:
        for fault in options.only:
            with small_disk() if fault == "disk full" else usual_disk() as folder:
                outcomes.append(suffer(fault, stack.environment(), folder, holds_s=options.holds))
            print(f"{fault}: done", file=sys.stderr, flush=True)
    if options.json:
        json.dump([asdict(outcome) for outcome in outcomes], sys.stdout, indent=2)
        print()
    else:
        print(table(outcomes, markdown=options.markdown))
    problems = [f"{o.fault}: {problem}" for o in outcomes for problem in wrong(o)]
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
