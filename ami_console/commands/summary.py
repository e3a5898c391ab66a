"""``ami-console summary``: one job's numbers."""

import argparse
import sys
from typing import Any

import orjson

from ami_console.cli import DONE
from ami_console.commands.printing import UNKNOWN, cell, printable, table
from ami_console.errors import UnknownJobError
from ami_console.recording import open_recording
from ami_console.settings import Settings
from ami_console.summary import summarise


def run(options: argparse.Namespace) -> int:
    """Print the summary of a job in a recording."""
    path = options.recording or Settings.from_environment().recording
    recording = open_recording(path)
    try:
        numbers = summarise(recording, options.job)
    except UnknownJobError:
        jobs = ", ".join(map(str, recording.jobs())) or "none"
        raise UnknownJobError(
            f"{path} knows nothing of job {options.job}; jobs in it: {jobs}"
        ) from None
    finally:
        for damage in recording.damaged:
            print(f"ami-console: left out {damage.path}: {damage.reason}", file=sys.stderr)
    if options.format == "json":
        print(orjson.dumps(numbers, option=orjson.OPT_INDENT_2).decode())
    else:
        print(_as_table(numbers))
    return DONE


def _as_table(numbers: dict[str, Any]) -> str:
    rows = []
    for name, value in numbers.items():
        if isinstance(value, dict):
            parts = (f"{key} {_shown(part)}" for key, part in value.items() if part is not None)
            shown = ", ".join(parts) if value.get("n", 1) else UNKNOWN
        else:
            shown = _shown(value)
        rows.append({"": name, " ": shown})
    return table(rows, left=frozenset({"", " "})).lstrip("\n ")


def _shown(value: Any) -> str:
    return printable(value) if isinstance(value, str) else cell(value)
