"""``ami-console import``: poll logs, saved jobs and logs into a recording."""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from ami_console.cli import BAD_INPUT, DONE
from ami_console.commands.printing import paragraph, printable, shortened, unbroken, width
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
        print(_line(imported, options.paths))
        for line in imported.notes.lines():
            print(paragraph(line, head="  note: "))
    if others:
        names = ", ".join(sorted({path.name for path in others}))
        print(paragraph(f"not read: {names}; accepted are {ACCEPTED}", indent=2))
    print(paragraph(f"times were read as {zone.key}; recorded in {options.into}", indent=2))
    return BAD_INPUT if any(imported.notes.damaged for imported in done) else DONE


def _line(imported: Imported, folders: Collection[Path]) -> str:
    """A file and what came of it; one of a folder without the way to that folder."""
    path = imported.path
    shown = path.relative_to(path.parent.parent) if path.parent in folders else path
    return paragraph(f"{shown}: {_told(imported)}", indent=2)


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
    parts[-1] += f" ({imported.kind})"
    return ", ".join(map(unbroken, parts))


def _progress(imported: Imported) -> None:
    if sys.stderr.isatty():
        count = f"{imported.told.lines} lines" if imported.told.lines else ""
        count = count or f"{imported.readings} readings"
        line = shortened(f"{printable(imported.path.name)}: {count}", width() - 1)
        print(f"\r{line}\x1b[K", end="", file=sys.stderr)
