"""All figures of speed and size, each beside its floor in the same run.

    python -m benchmarks                      everything: most of an hour
    python -m benchmarks --quick              smaller, some minutes
    python -m benchmarks --only look tap --into bench.json

Prints a table, writes JSON, and ends with 1 when a goal is missed. Each module runs in a process of
its own, one after another; on a machine that does other things the floors rise, too, and the
ratios hold better than the figures.
"""

import argparse
import importlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, machine, show, table

MODULES = ("look", "recording", "upkeep", "tap", "logs", "judging", "replay", "dashboard", "report")


def main() -> int:
    """Run, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=MODULES)
    parser.add_argument("--quick", action="store_true", help="smaller: to see that all of it runs")
    parser.add_argument("--into", type=Path, default=Path("bench.json"), help="(bench.json)")
    parser.add_argument("--one", choices=MODULES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        module = importlib.import_module(f"benchmarks.{asked.one}")
        show(module.figures(quick=asked.quick), as_json=True)
        return 0
    told: dict[str, list[Figure]] = {}
    for name in asked.only:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        told[name] = measured(name, quick=asked.quick)
        print(f"\n{name}\n\n{table(told[name])}", flush=True)
    whole = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "is_quick": asked.quick,
        "figures": {name: [each.as_json() for each in figures] for name, figures in told.items()},
    }
    asked.into.write_text(json.dumps(whole, indent=2) + "\n")
    missed = [each.what for figures in told.values() for each in figures if each.holds is False]
    kept = [each for figures in told.values() for each in figures if each.holds]
    print(f"\n{len(kept)} goals kept, {len(missed)} missed; all of it is in {asked.into}")
    return 1 if missed else 0


def measured(name: str, *, quick: bool) -> list[Figure]:
    """The figures of one module, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "--one", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - ourselves
    if done.returncode:
        raise SystemExit(f"benchmarks.{name} ended with {done.returncode}")
    figures: list[dict[str, Any]] = json.loads(done.stdout)["figures"]
    return [
        Figure(**{k: v for k, v in each.items() if k not in ("ratio", "holds")}) for each in figures
    ]


if __name__ == "__main__":
    sys.exit(main())
