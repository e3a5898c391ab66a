"""``ami-console import``: poll logs, saved jobs and logs into a recording."""

import argparse
import sys

from ami_console.cli import BAD_INPUT, DONE
from ami_console.commands.printing import printable
from ami_console.importer import ACCEPTED, Imported, import_files, recognised
from ami_console.settings import Settings


def run(options: argparse.Namespace) -> int:
    """Import and say what came of each file; 2 when one was damaged."""
    zone = Settings.from_environment().antenna_timezone
    files, others = recognised(options.paths)
    done = import_files(files, options.into, zone=zone, progress=_progress)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    for imported in done:
        print(f"{printable(str(imported.path))}: {_told(imported)}")
        for line in imported.notes.lines():
            print(f"  note: {printable(line)}")
    if others:
        names = ", ".join(sorted({printable(path.name) for path in others}))
        print(f"not read: {names}; accepted are {ACCEPTED}")
    print(f"times were read as {zone.key}; recorded in {options.into}")
    return BAD_INPUT if any(imported.notes.damaged for imported in done) else DONE


def _told(imported: Imported) -> str:
    """What came of one file, in a few words."""
    lines = imported.told.lines
    parts = [f"{lines} lines" if lines else f"{imported.readings} readings"]
    if imported.events or imported.known_events:
        parts.append(f"{imported.events} log events")
        known, what = imported.known_events, "events"
    else:
        known, what = imported.known, "readings"
    if known:
        parts.append(f"{known} {what} were there already")
    if imported.told.unknown:
        parts.append(f"{imported.told.unknown} of unknown form, kept as text")
    return f"{', '.join(parts)} ({imported.kind})"


def _progress(imported: Imported) -> None:
    if sys.stderr.isatty():
        count = f"{imported.told.lines} lines" if imported.told.lines else ""
        count = count or f"{imported.readings} readings"
        print(f"\r{imported.path.name}: {count}\x1b[K", end="", file=sys.stderr)
