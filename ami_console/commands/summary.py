"""``ami-console summary``: one job's numbers."""

import argparse
from collections.abc import Iterator
from typing import Any

from ami_console.cli import DONE
from ami_console.commands.printing import (
    UNKNOWN,
    cell,
    complain,
    json_text,
    paragraph,
    printable,
    width,
)
from ami_console.errors import UnknownJobError
from ami_console.recording import open_recording
from ami_console.settings import Settings
from ami_console.summary import summarise
from ami_console.terminal.words import cells

NARROW = 60
"""On fewer columns than this the values are not set below each other."""


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
            complain(f"left out {damage.path}: {damage.reason}")
    if options.format == "json":
        print(json_text(numbers))
    else:
        print(_as_table(numbers))
    return DONE


def _as_table(numbers: dict[str, Any]) -> str:
    rows: list[dict[str, str]] = []
    for name, value in numbers.items():
        for more, text in _lines(value):
            rows.append({"": f"{name}{more}", " ": text})
    if width() < NARROW:
        return "\n".join(paragraph(row[" "], head=f"{row['']}  ", indent=2) for row in rows)
    indent = 2 + max((cells(row[""]) for row in rows), default=0)
    return "\n".join(paragraph(row[" "], head=row[""].ljust(indent)) for row in rows)


def _lines(value: Any) -> Iterator[tuple[str, str]]:
    """The value in words, and what is nested in it on lines of its own, each with its name."""
    if not isinstance(value, dict):
        yield "", _shown(value)
    elif "p50" in value:
        yield "", _spread(value)
    else:
        plain = {key: part for key, part in value.items() if not isinstance(part, dict)}
        parts = [f"{key}{'×' if key.isdecimal() else ''} {_shown(v)}" for key, v in plain.items()]
        yield "", ", ".join(parts) or UNKNOWN
        for key, part in value.items():
            if isinstance(part, dict):
                yield f" {key}", _spread(part)


def _spread(value: dict[str, Any]) -> str:
    """Percentiles, or the few values there are, and how far off one can be."""
    if not value["n"]:
        return UNKNOWN
    marks = {key: value[key] for key in ("p50", "p95", "p99", "max") if value[key] is not None}
    if "values" in value:
        marks = {"values": " ".join(cell(each) for each in value["values"])}
    told = ", ".join(f"{key} {_shown(mark)}" for key, mark in {"n": value["n"], **marks}.items())
    error = "" if value["error_s"] is None else f" ± {value['error_s']:.1f}"
    until = f", until {value['until']}" if "until" in value else ""
    return f"{told}{error}{', estimated' if value['is_estimate'] else ''}{until}"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(map(_shown, value))
    return printable(value) if isinstance(value, str) else cell(value)
