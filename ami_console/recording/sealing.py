"""Sealing: tail segments become parts, in the background, in the order in which they were written.

A segment is deleted only when all of it is in parts on disk. A part of one segment always gets
the same name and content, so that sealing can die anywhere and simply be done again. Should it
fail, the segments stay, readers read them there, and the next turn tries again. Each turn holds
the packing lock, as upkeep of the same recording may be under way in another process.
"""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ami_console import frames
from ami_console.recording import compaction, layout, parts, tail
from ami_console.recording.layout import Span
from ami_console.recording.lock import packing

log = logging.getLogger(__name__)

KEPT_PROBLEMS = 100


class Sealer:
    """Turns the finished tail segments of one recording into parts, on a thread of its own.

    Attributes:
        trouble: Why sealing does not work at present; ``None`` while it does.
        problems: What was found damaged or did not fit on the way, newest last.
    """

    def __init__(self, directory: Path) -> None:
        self.trouble: str | None = None
        self.problems: list[str] = []
        self._directory = directory
        self._tail = directory / layout.TAIL
        self._unreadable: set[Path] = set()
        self._unfinished_days: dict[str, set[int]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recording-sealer")
        self._stopping = threading.Event()

    def recover(self) -> int:
        """Clear up after a writer that died; leaves its tail segments to be sealed.

        Returns:
            The number of the next segment: higher than all that were ever used.
        """
        with packing(self._directory):
            return self._recover()

    def _recover(self) -> int:
        pruned = layout.Info.parse((self._directory / layout.INFO).read_bytes()).segments_pruned
        used = [pruned, *self._waiting()]
        set_aside = self._directory / layout.DAMAGED
        if set_aside.is_dir():
            used += [layout.segment_number(file.name) or 0 for file in set_aside.iterdir()]
        for name in frames.FRAMES:
            home = self._directory / layout.frame_directory(name)
            for directory in home.iterdir() if home.is_dir() else ():
                day = layout.day_of_directory(directory.name)
                if day is None:
                    continue
                compaction.remove_leftovers(directory)
                spans = list(compaction.parts_in(directory))
                used += [span.last for span in spans]
                if len(spans) > 1:
                    self._unfinished_days.setdefault(name, set()).add(day)
        return max(used) + 1

    def seal_before(self, number: int) -> Future[None]:
        """Seal all segments with lower numbers; returns at once."""
        return self._thread.submit(self._turn, number)

    def finish(self, number: int) -> None:
        """Seal all segments with lower numbers and end the thread."""
        last = self.seal_before(number)
        self._stopping.set()  # parts are merged another day: closing is not to take long
        last.result()
        self._thread.shutdown()

    def _turn(self, number: int) -> None:
        try:
            with packing(self._directory):
                touched: dict[str, set[int]] = {}
                try:
                    for waiting in self._waiting():
                        if waiting < number:
                            self._seal(waiting, touched)
                finally:
                    self._merge(touched)
        except Exception as error:
            self._say_trouble(
                f"The looks are safe in {self._tail}, but can't be packed at present: {error}"
            )
        else:
            self.trouble = None

    def _waiting(self) -> list[int]:
        if not self._tail.is_dir():
            return []
        return sorted(n for file in self._tail.iterdir() if (n := layout.segment_number(file.name)))

    def _seal(self, number: int, touched: dict[str, set[int]]) -> None:
        """Make parts of one segment; adds the days that each frame had in it to ``touched``."""
        segment = self._tail / layout.segment_file(number)
        with segment.open("rb") as file:

            def read(begin: int, most: int) -> bytes:
                file.seek(begin)
                return file.read(most)

            lines = tail.Pieces().follow(read, segment.stat().st_size)
        span = Span(number, number)
        for name, pieces in lines.rows.items():
            if not any(map(len, pieces)) or name not in frames.FRAMES:
                continue
            table, misfits = parts.from_rows(name, pieces)
            for misfit in misfits:
                self.note(f"{segment.name}: {misfit}; recorded as missing")
            for day, of_day in parts.by_day(table):
                touched.setdefault(name, set()).add(day)
                directory = self._day(name, day)
                if not any(held.covers(span) for held in compaction.parts_in(directory)):
                    parts.write(directory, name, span, [parts.in_order(of_day)])
        if lines.bad:
            self._set_aside(segment, lines.bad)
        segment.unlink()
        parts.sync_directory(self._tail)

    def _set_aside(self, segment: Path, bad: list[tuple[int, bytes]]) -> None:
        kept = self._directory / layout.DAMAGED / segment.name
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(b"".join(line + b"\n" for _, line in bad))
        numbers = ", ".join(str(number) for number, _ in bad[:5])
        self.note(f"{segment.name}: {len(bad)} damaged line(s) (line {numbers}) are kept in {kept}")

    def _merge(self, touched: dict[str, set[int]]) -> None:
        for name, days in touched.items():
            for day in days:
                self._merge_in(self._day(name, day), name)
            # A day that is over, and left alone by now, becomes one file.
            unfinished = self._unfinished_days.setdefault(name, set()) | days
            over = {day for day in unfinished - days if day < max(days)}
            for day in over:
                self._merge_in(self._day(name, day), name, whole=True)
            self._unfinished_days[name] = unfinished - over

    def _merge_in(self, directory: Path, name: str, *, whole: bool = False) -> None:
        while not self._stopping.is_set():
            spans: list[Span] = []
            for span, path in compaction.parts_in(directory).items():
                spans = [] if path in self._unreadable else [*spans, span]
            run = spans if whole and len(spans) > 1 else compaction.ripe(spans)
            if not run:
                return
            try:
                compaction.merge(directory, name, run)
            except compaction.UnreadablePart as error:
                self._unreadable.add(error.path)
                self.note(f"{error.path} is damaged and left as it is: {error.reason}")

    def _day(self, name: str, day: int) -> Path:
        return self._directory / layout.frame_directory(name) / layout.day_directory(day)

    def note(self, problem: str) -> None:
        """Keep a problem for who asks, and log it once."""
        if problem not in self.problems:
            log.warning(problem)
            self.problems = [*self.problems, problem][-KEPT_PROBLEMS:]

    def _say_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning(trouble)
        self.trouble = trouble
