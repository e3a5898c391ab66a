"""Try hostile and broken input for as long as wanted; the tests try a slice of the same.

    python -m benchmarks.fuzz --seconds 600              all inputs, one after another
    python -m benchmarks.fuzz --seconds 60 --only jsz --json
    python -m benchmarks.fuzz --only jsz --seed 1234     a round again, by the seed that was told

Bodies of REST, ``/jsz``, subjects, log lines, poll logs and recordings that were recorded and then
changed (``tests/input``): values of another kind, dropped, doubled, nested, huge; bytes cut,
flipped, put in. What must hold is written there: no error but our own, no number that the input
does not have, what is recorded is read back. Then ``bombs``: what unpacks to a gigabyte, or does
not end before, each with the memory that it took. A case is one input that was tried. The exit code
is 1 when something did not hold.
"""

import argparse
import json
import logging
import random
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from tests.input.properties import PROPERTIES, Property

BOMB_MB = 1024
MOST_MB = 700
"""Memory that no bomb may take."""

_ROUND = 200  # cases of one seed


@dataclass
class Tried:
    """What came of one property.

    Attributes:
        input: What was changed.
        property: What must hold, by its name.
        cases: How many inputs were tried.
        seconds: For how long.
        failures: Seed and error of each round in which it did not hold.
    """

    input: str
    property: str
    cases: int = 0
    seconds: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)


def try_round(tried: Property, told: Tried, number: int, ends_s: float) -> None:
    """The cases of one seed, until the time is over."""

    def holds(case: Any) -> None:
        if time.monotonic() < ends_s:
            told.cases += 1
            tried.holds(case)

    # Named alike, as Hypothesis derives the cases from the seed and the function.
    holds.__qualname__ = holds.__name__ = tried.holds.__name__
    few = settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(number)(few(given(tried.cases)(holds)))()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        why = "".join(traceback.format_exception(error, limit=-4))
        told.failures.append({"seed": number, "error": why[-4000:]})


def try_input(name: str, seconds: float, first_seed: int | None) -> list[Tried]:
    """All properties of one input, each for its share of the time."""
    found = []
    for tried in PROPERTIES[name]:
        told = Tried(name, tried.holds.__name__)
        begun_s = time.monotonic()
        ends_s = begun_s + seconds / len(PROPERTIES[name])
        if first_seed is not None:
            try_round(tried, told, first_seed, float("inf"))
        else:
            while time.monotonic() < ends_s and len(told.failures) < 3:
                try_round(tried, told, random.randrange(2**32), ends_s)  # noqa: S311
        told.seconds = round(time.monotonic() - begun_s, 1)
        found.append(told)
    return found


def try_bombs() -> list[dict[str, Any]]:
    """Each bomb, in a process that does nothing else."""
    command = [sys.executable, "-m", "tests.input.bombs", "--mb", str(BOMB_MB)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return [json.loads(line) for line in told.stdout.splitlines()]


def main() -> None:
    """Try and print."""
    inputs = [*PROPERTIES, "bombs"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60, help="for all inputs together")
    parser.add_argument("--only", choices=inputs, action="append", help="this input; repeatable")
    parser.add_argument("--seed", type=int, help="one round of this seed")
    parser.add_argument("--json", action="store_true", help="print one object")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # what the package says of damage is what is wanted
    chosen = asked.only or inputs
    mutated = [name for name in chosen if name != "bombs"]
    all_tried: list[Tried] = []
    for name in mutated:
        for told in try_input(name, asked.seconds / len(mutated), asked.seed):
            all_tried.append(told)
            if not asked.json:
                print(
                    f"{told.input:12} {told.property:28} {told.cases:8} cases "
                    f"{told.seconds:7.1f} s {len(told.failures):4} failures",
                    flush=True,
                )
                for failure in told.failures:
                    print(f"  --only {told.input} --seed {failure['seed']}\n{failure['error']}")
    bombs = try_bombs() if "bombs" in chosen else []
    if asked.json:
        json.dump({"tried": list(map(asdict, all_tried)), "bombs": bombs}, sys.stdout, indent=2)
        print()
    else:
        for bomb in bombs:
            print(f"{'bombs':12} {bomb['bomb']:28} {bomb['grown_mb']:8} MB  {bomb['outcome']}")
    too_large = [bomb for bomb in bombs if bomb["grown_mb"] > MOST_MB]
    sys.exit(1 if too_large or any(told.failures for told in all_tried) else 0)


if __name__ == "__main__":
    main()
