"""The journal of actions: who asked for what, when, what was told before, what came of it.

One line of JSON per event, in a file beside the recording: ``asked`` before anything is sent,
``answered``, ``outcome``. Lines are only ever added, and are on the disk before we go on.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ami_console.errors import RecordingError

SUFFIX = ".actions.jsonl"

EVENTS = ("asked", "answered", "outcome")


def journal_path(recording: Path) -> Path:
    """The journal's file: beside the directory of the recording, never in it."""
    whole = Path(os.path.abspath(recording))
    return whole.with_name(f"{whole.name}{SUFFIX}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One action.

    Attributes:
        id: What its lines have in common.
        asked: Who, when, what, and what was told beforehand.
        answered: Antenna's answer; ``None``: whoever asked died before it came.
        outcome: What the sources told; ``None``: it was not followed to its end.
    """

    id: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    answered: Mapping[str, Any] | None = None
    outcome: Mapping[str, Any] | None = None


class Journal:
    """Adds to a journal; from any thread, and beside other processes."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self.path = path
        self._lock = threading.Lock()

    def write(self, event: str, entry_id: str, told: Mapping[str, Any]) -> None:
        """Add a line, and wait until it is on the disk.

        Args:
            event: One of :data:`EVENTS`.
            entry_id: The action that it is about.
            told: What is to be kept; text, numbers, lists and objects of them.

        Raises:
            RecordingError: It can't be written.
        """
        line = orjson.dumps({"event": event, "id": entry_id, **told}) + b"\n"
        with self._lock:
            try:
                self._add(line)
            except OSError as error:
                raise RecordingError(
                    f"The journal {self.path} can't be written: {error.strerror or error}. "
                    "Make room there, or let this user write it."
                ) from error

    def _add(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":  # somebody died while writing
                line = b"\n" + line
            done = os.write(file, line)
            while done < len(line):
                done += os.write(file, line[done:])
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)


def read_journal(path: Path) -> list[Entry]:
    """The actions in a journal, oldest first; a line that is torn is left out.

    Args:
        path: The journal's file; one that is not there has no actions.

    Raises:
        RecordingError: The file can't be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RecordingError(
            f"The journal {path} can't be read: {error.strerror or error}."
        ) from error
    held: dict[str, dict[str, Any]] = {}
    for line in lines:
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(told, dict) and told.get("event") in EVENTS and told.get("id"):
            held.setdefault(str(told.pop("id")), {})[told.pop("event")] = told
    return [Entry(id=entry_id, **events) for entry_id, events in held.items()]
