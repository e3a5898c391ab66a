"""A compacted copy of a recording elsewhere, read back before it is called done.

Each frame and day is written as one file under a passing name, read back, and compared with its
source by the number of rows and a sum over all of them, so that a row that was lost, doubled or
changed shows. Only then the file gets its name, and ``recording.json`` comes last: what was
copied in part is not taken for a recording. Done again, only what is not there yet is written.
"""

import io
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.recording import compaction, layout, parts
from ami_console.recording.elsewhere import Elsewhere
from ami_console.recording.layout import Span
from ami_console.recording.lock import packing
from ami_console.recording.store import Changed, Damage, Part, Store
from ami_console.recording.tally import Tally
from ami_console.recording.upkeep import Progress, shown

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Copied:
    """One frame and day of which all that is readable is in the copy.

    Attributes:
        name: The frame.
        day: Days since the epoch.
        sources: Paths of the files that it was copied from.
        rows: In the copy, of these.
        bytes: Of its files.
        was_there: Nothing had to be written; what was there was read back all the same.
        left_out: What is damaged in the recording and not in the copy.
    """

    name: str
    day: int
    sources: frozenset[str]
    rows: int
    bytes: int
    was_there: bool
    left_out: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the copy, and what its rows come to."""

    span: Span
    content: bytes
    tally: Tally


class _Unreadable(Exception):
    """A part of the source is damaged."""

    def __init__(self, part: Part, reason: str) -> None:
        super().__init__(reason)
        self.part = part
        self.reason = reason


def archive(
    path: str | os.PathLike[str],
    to: str,
    *,
    wanted: Collection[tuple[str, int]] | None = None,
    progress: Progress | None = None,
) -> list[Copied]:
    """Copy the parts of a recording, one file per frame and day.

    The tail is not copied, as it is in no part yet. Not to be done twice at once to one place.

    Args:
        path: A recording, local or not.
        to: A directory, or a URL of any fsspec filesystem: nothing, or an earlier copy.
        wanted: Frames and days (since the epoch); ``None``: all.
        progress: Told before each frame and day.

    Raises:
        RecordingError: The source can't be read, the place holds something else, it did not
            take what was written, or gave back something else. The source was not changed.
    """
    source, target = Store(path), Elsewhere(to)
    _check_apart(source, target)
    info = _info(source)
    found = {name: source.view(name).parts for name in frames.FRAMES}
    todo = [
        (name, day)
        for name, of_frame in found.items()
        for day in sorted({part.day for part in of_frame})
        if wanted is None or (name, day) in wanted
    ]
    copied = []
    with ExitStack() as held:
        target.begin(info)
        if target.local_root is not None:
            held.enter_context(packing(target.local_root))
        for done, (name, day) in enumerate(todo):
            if progress is not None:
                progress(f"{name} {shown(day)}", done, len(todo))
            copied.append(_copy_day(source, target, found[name], day))
        target.finish()
    return copied


def _copy_day(source: Store, target: Elsewhere, found: list[Part], day: int) -> Copied:
    name = found[0].name
    of_day = [part for part in found if part.day == day]
    for _ in range(_ATTEMPTS):
        try:
            return _copied(source, target, name, day, of_day)
        except Changed:  # merged meanwhile
            of_day = [part for part in source.view(name).parts if part.day == day]
    raise source.too_fast()


def _copied(source: Store, target: Elsewhere, name: str, day: int, of_day: list[Part]) -> Copied:
    damaged: dict[Part, str] = {}
    was_there = True
    while True:
        rows = size = 0
        try:
            for run in _runs(of_day, damaged):
                file = _packed(source, name, run)
                was_there &= _place(target, name, day, file)
                rows, size = rows + file.tally.rows, size + len(file.content)
        except _Unreadable as error:
            damaged[error.part] = error.reason
            continue
        return Copied(
            name=name,
            day=day,
            sources=frozenset(part.path for part in of_day),
            rows=rows,
            bytes=size,
            was_there=was_there,
            left_out=tuple(Damage(part.path, reason) for part, reason in damaged.items()),
        )


def _runs(of_day: list[Part], damaged: Collection[Part]) -> Iterator[list[Part]]:
    """Neighbours with nothing damaged between them."""
    run: list[Part] = []
    for part in of_day:
        if part not in damaged:
            run.append(part)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _packed(source: Store, name: str, run: list[Part]) -> _File:
    """One file of several; of one alone, that file as it is."""
    tally = Tally(name)
    file_name = run[0].path.rsplit("/", 1)[-1]
    span = Span(run[0].span.first, run[-1].span.last)
    if len(run) == 1 and layout.part_checksum(file_name):
        for piece in _pieces(source, run[0]):
            tally.add(piece)
        return _File(span, _content(source, run[0]), tally)
    packed = io.BytesIO()
    read = (piece for part in run for piece in _pieces(source, part))
    parts.encode(packed, name, compaction.ordered(tally.over(read)))
    return _File(span, packed.getvalue(), tally)


def _pieces(source: Store, part: Part) -> Iterable[pa.Table]:
    content = _content(source, part)
    try:
        yield from compaction.pieces_of(part.name, content, part.path.rsplit("/", 1)[-1])
    except Exception as error:  # a damaged file can fail in any way
        raise _Unreadable(part, str(error).strip() or type(error).__name__) from error


def _content(source: Store, part: Part) -> bytes:
    try:
        with source.open(part) as file:
            content: bytes = file.read()
    except OSError as error:
        raise _Unreadable(part, str(error)) from error
    return content


def _place(target: Elsewhere, name: str, day: int, file: _File) -> bool:
    """Have a file in the copy; returns whether it, or its equal, was there."""
    directory = f"{layout.frame_directory(name)}/{layout.day_directory(day)}"
    file_name = layout.part_file(file.span, parts.checksum(file.content))
    replaced = []
    for span, theirs in target.parts(directory).items():
        if span.last < file.span.first or file.span.last < span.first:
            continue
        try:
            held = Tally.of(name, target.read(f"{directory}/{theirs}"), theirs)
        except RecordingError:
            raise
        except Exception:  # a damaged file can fail in any way: ours takes its place
            replaced.append(theirs)
            continue
        if span == file.span and held.equals(file.tally):
            return True
        if not (file.span.covers(span) and held.is_in(file.tally)):
            raise RecordingError(
                f"{target.shown}/{directory}/{theirs} holds other rows of that day than the "
                "recording does now. It was left as it is: name another place, and read both "
                "together."
            )
        replaced.append(theirs)

    def check(content: bytes) -> None:
        try:
            same = Tally.of(name, content, file_name).equals(file.tally)
        except Exception:  # a damaged file can fail in any way
            same = False
        if not same:
            raise RecordingError(
                f"{target.shown}/{directory}/{file_name} was written and is something else when "
                "read back; it was not given its name. The recording was not changed."
            )

    target.put(directory, file_name, file.content, check)
    for theirs in replaced:
        if theirs != file_name:
            target.delete(f"{directory}/{theirs}")
    return False


def _info(source: Store) -> layout.Info:
    """The source's info: what tells a copy of it from one of another."""
    try:
        with source.files.open_input_file(f"{source.root}/{layout.INFO}") as file:
            info = layout.Info.parse(file.read())
    except (OSError, ValueError) as error:
        raise RecordingError(
            f"The recording {source.shown} can't be copied: its {layout.INFO} can't be read "
            f"({error}). `ami-console record --into` writes it anew."
        ) from error
    info.check(source.shown, to_write=True)  # a newer one has columns that a copy would lose
    return info


def _check_apart(source: Store, target: Elsewhere) -> None:
    if source.files.type_name != target.files.type_name:
        return
    one, other = f"{source.root}/", f"{target.root}/"
    if one.startswith(other) or other.startswith(one):
        raise RecordingError(
            f"{target.shown} and the recording {source.shown} are the same place, or one lies in "
            "the other. Name another place."
        )
