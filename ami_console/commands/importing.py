"""``ami-console import``: poll logs into a recording."""

import argparse
import sys

from ami_console.cli import BAD_INPUT, DONE
from ami_console.commands.printing import printable
from ami_console.importer import Imported, import_poll_logs, poll_logs
from ami_console.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Import and say what came of each file; 2 when one was damaged."""
    zone = Settings.from_environment().antenna_timezone
    files, others = poll_logs(options.paths)
    done = import_poll_logs(files, options.into, zone=zone, progress=_progress)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    for imported in done:
        known = f", {imported.known} were there already" if imported.known else ""
        print(f"{printable(str(imported.path))}: {imported.readings} readings{known}")
        for line in imported.notes.lines():
            print(f"  note: {printable(line)}")
    if others:
        names = ", ".join(sorted({printable(path.name) for path in others}))
        print(f"not read, as this version imports poll logs only: {names}")
    print(f"times were read as {zone.key}; recorded in {options.into}")
    return BAD_INPUT if any(imported.notes.damaged for imported in done) else DONE


def _progress(imported: Imported) -> None:
    if sys.stderr.isatty():
        print(f"\r{imported.path.name}: {imported.readings} readings", end="", file=sys.stderr)
