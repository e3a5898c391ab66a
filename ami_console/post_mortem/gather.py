"""Files of all kinds into one recording that lasts as long as it is looked at."""

import html
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from zoneinfo import ZoneInfo

from ami_console.importer import Imported, import_files, recognised
from ami_console.recording import Recording
from ami_console.recording.layout import INFO
from ami_console.recording.store import Store
from ami_console.settings import Settings


class Gathered(Recording):
    """A recording made of files; its folder goes away with it.

    Attributes:
        taken: What came of each file, a line each.
    """

    def __init__(self, stores: list[Store], taken: tuple[str, ...], folder: str) -> None:
        """For :func:`gathered`."""
        super().__init__(stores)
        self.taken = taken
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def __repr__(self) -> str:
        return "\n".join(["Gathered:", *(f"  {line}" for line in self.taken)])

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.taken)
        return f"<ul>{lines}</ul>"


def gathered(*paths: str | os.PathLike[str], zone: ZoneInfo | None = None) -> Gathered:
    """Poll logs, saved jobs, job logs, compose logs and recordings as one recording.

    Files are imported into a temporary recording, which is removed when the result is. Files that
    can't be imported are named in ``taken``, as in ``ami-console import``.

    Args:
        paths: Files, folders of them, or recordings.
        zone: Zone of naive times; ``None``: the setting ``AMI_CONSOLE_ANTENNA_TIMEZONE``.

    Raises:
        ImportLogError: A path does not exist, or can't be imported.
        RecordingError: A recording can't be read.
    """
    zone = zone or Settings.from_environment().antenna_timezone
    recordings = [path for path in paths if _is_recording(path)]
    places = [Path(path) for path in paths if path not in recordings]
    stores = [Store(path) for path in recordings]
    taken = [f"{store.shown}: recording" for store in stores]
    files, others = recognised(places)
    folder = tempfile.mkdtemp(prefix="ami-console-")
    try:
        if files or not stores:
            taken += [_told(each) for each in import_files(files, Path(folder), zone=zone)]
            stores.append(Store(folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    taken += [f"{path}: not read, nothing that can be imported" for path in others]
    taken.append(f"naive times were read as {zone.key}")
    return Gathered(stores, tuple(taken), folder)


def _is_recording(path: str | os.PathLike[str]) -> bool:
    """A directory with a recording's info file, or a URI: nothing else lies elsewhere."""
    return "://" in str(path) or (Path(path) / INFO).is_file()


def _told(imported: Imported) -> str:
    lines = imported.told.lines
    parts = [f"{lines:,} lines" if lines else f"{imported.readings:,} readings"]
    if imported.events:
        parts.append(f"{imported.events:,} log events")
    notes = "".join(f"; {note}" for note in imported.notes.lines())
    return f"{imported.path}: {', '.join(parts)} ({imported.kind}){notes}"
