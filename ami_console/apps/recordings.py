"""The recordings that a page may show: asked for by name, never by path."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from ami_console.errors import RecordingError
from ami_console.recording import Recording, open_recording
from ami_console.recording.layout import INFO


class Recordings:
    """Recordings by name; each is opened once. Used from any thread.

    A name is that of the directory, with a number behind it where two are called the same. What
    was not given, or does not lie in what was given, can't be opened, whatever it is called.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Nothing is opened yet.

        Args:
            paths: Recordings, and directories with recordings in them; of these one level is
                looked at. Addresses (``s3://…``) are recordings.

        Raises:
            RecordingError: A path is neither.
        """
        self._paths = [os.fspath(path) for path in paths]
        self._lock = threading.Lock()
        self._opened: dict[str, Recording] = {}
        self._places = self._found({})

    @property
    def names(self) -> tuple[str, ...]:
        """What can be opened."""
        with self._lock:
            return tuple(self._places)

    def look_again(self) -> None:
        """Take in recordings that are new; those that are gone are no longer named.

        Raises:
            RecordingError: A path that was given is no longer a recording, nor has any in it.
        """
        with self._lock:
            self._places = self._found(self._places)

    def open(self, name: str) -> Recording:
        """The recording of a name.

        Raises:
            RecordingError: There is none of this name, or it can't be read.
        """
        with self._lock:
            if name not in self._places:
                self._places = self._found(self._places)
            if name not in self._places:
                known = ", ".join(self._places) or "none"
                raise RecordingError(
                    f"There is no recording {name[:80]!r} here; those that can be shown: {known}."
                )
            place = self._places[name]
            if place not in self._opened:
                self._opened[place] = open_recording(place)
            return self._opened[place]

    def _found(self, before: dict[str, str]) -> dict[str, str]:
        """Name → place; a place keeps the name that it had."""
        places = list(dict.fromkeys(place for path in self._paths for place in _recordings(path)))
        names = {place: name for name, place in before.items() if place in places}
        for place in places:
            if place not in names:
                names[place] = _free(_last(place), set(names.values()))
        return {names[place]: place for place in places}


def _recordings(path: str) -> list[str]:
    """The recordings that a path stands for."""
    if "://" in path:
        return [path]
    place = Path(os.path.abspath(path))
    try:
        if (place / INFO).is_file():
            return [str(place)]
        inside = sorted(each for each in place.iterdir() if (each / INFO).is_file())
    except OSError as error:
        raise RecordingError(
            f"There are no recordings at {path}: {error.strerror or error}. Give a recording, or "
            "a directory with recordings in it."
        ) from error
    if not inside:
        raise RecordingError(
            f"There are no recordings at {path}: neither it nor a directory in it has a {INFO}. "
            "Give what `ami-console record --into` or `ami-console import --into` made, or a "
            "directory with such recordings in it."
        )
    return [str(each) for each in inside]


def _last(place: str) -> str:
    """Last piece of a path or an address, without what may be secret in it."""
    return place.partition("?")[0].rstrip("/").rpartition("/")[2]


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken."""
    wanted, number = name, 1
    while wanted in taken:
        number += 1
        wanted = f"{name} ({number})"
    return wanted
