"""The whole screen: what watches, the sources, and either all jobs or one."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.text import Text

from ami_console.metrics.ages import ALWAYS
from ami_console.reading import FINAL_STATUSES
from ami_console.terminal.findings import findings_lines
from ami_console.terminal.fleet import fleet_lines, shown_jobs
from ami_console.terminal.job import job_lines
from ami_console.terminal.keys import View
from ami_console.terminal.marks import CANT_TELL, NOT_JUDGED, WELL
from ami_console.terminal.numbers import Looked
from ami_console.terminal.sources import sources_lines
from ami_console.terminal.words import duration, printable, wrapped

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
OLD_S = 8.0
"""Numbers older than this are said to be old, seconds."""

LEAST_TABLE = 6
"""Lines of the screen that the findings leave to the table of jobs."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is on the screen at one instant; it takes the size that it is given.

    Attributes:
        looked: What was seen; ``None``: nothing yet.
        view: What the reader looks at.
        now: The instant.
        every_s: Pause between two looks, seconds.
        environment: What the settings call what is watched.
        beat: Counts up with every drawing.
        has_keys: Whether keys are read.
        paused_at: Since when nobody is asked anything.
        trouble: What went wrong with the watch itself.
        fills_screen: Whether it takes all lines that there are, with the keys in the last.
    """

    looked: Looked | None
    view: View
    now: pd.Timestamp
    every_s: float
    environment: str = ""
    beat: int = 0
    has_keys: bool = True
    paused_at: pd.Timestamp | None = None
    trouble: str = ""
    fills_screen: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Lines of the width that there is."""
        height = options.max_height if self.fills_screen else None
        lines = self.lines(options.max_width, height)
        for number, line in enumerate(lines):
            if number:
                yield Segment.line()
            yield from line.render(console)

    def lines(self, width: int, height: int | None) -> list[Text]:
        """Lines of at most so many columns.

        Args:
            width: Columns of the screen.
            height: Lines of the screen, all of which are used; ``None``: as many as it takes.
        """
        top = [self._head(width), *self._trouble(width)]
        if self.looked is None:
            told = wrapped("looking at every source for the first time …", width, indent=0)
            top += [Text(), *(Text(line, style="dim") for line in told)]
            return self._with_footer(top, width, height)
        top += sources_lines(
            self.looked.sources,
            as_of=self.now,
            every_s=self.every_s,
            width=width,
            is_paused=self.paused_at is not None,
        )
        top.append(Text())
        room = None if height is None else max(3, height - len(top) - 1)
        if self.view.open_job is not None:
            body = self._job(self.view.open_job, width, room)
        else:
            body = self._all(self.looked, width, room)
        return self._with_footer([*top, *body], width, height)

    def _with_footer(self, lines: list[Text], width: int, height: int | None) -> list[Text]:
        if height is None:
            return lines
        room = max(0, height - 1)
        shown = lines[:room] + [Text()] * (room - len(lines))
        return [*shown, self._footer(width)]

    def _head(self, width: int) -> Text:
        what = "ami-console"
        if self.environment:
            what = f"{what} · {printable(self.environment)}"
        left = Text(what, style="bold")
        if self.looked is not None:
            left.append(f" · {self._counted(self.looked)}", style="not bold")
        right = Text(f"{self.now:%H:%M:%S} UTC")
        if self.fills_screen:  # what is printed stands still anyway
            right.append(f" {SPINNER[self.beat % len(SPINNER)]}")
        room = width - right.cell_len - 2
        if room < 10:
            right.truncate(width, overflow="ellipsis")
            return right
        left.truncate(room, overflow="ellipsis", pad=True)
        return Text.assemble(left, "  ", right)

    def _counted(self, looked: Looked) -> str:
        status = looked.fleet["status"].dropna()
        running = int((~status.isin([*FINAL_STATUSES, "CREATED"])).sum())
        worse = sum(finding.needs_a_human for finding in looked.findings)
        is_known = bool(
            looked.sources.loc[looked.sources["source"] == "antenna", "age_s"].notna().any()
        )
        jobs = f"{running} job{'s' if running != 1 else ''} running"
        if not running and not is_known:
            jobs = "what runs is not known"
        return f"{jobs}, {worse} to look at" if worse else jobs

    def _trouble(self, width: int) -> list[Text]:
        told = []
        if self.paused_at is not None:
            since_s = (self.now - self.paused_at).total_seconds()
            told.append(f"‖ paused for {duration(since_s)}: nobody is asked anything")
        if self.looked is not None:
            age_s = (self.now - self.looked.as_of).total_seconds()
            if age_s > max(OLD_S, 4 * self.every_s) and self.paused_at is None:
                told.append(f"▲ what is shown is {duration(age_s)} old")
        if self.trouble:
            told.append(f"✕ {printable(self.trouble)}")
        return [
            Text(line, style="yellow") for text in told for line in wrapped(text, width, indent=2)
        ]

    def _all(self, looked: Looked, width: int, room: int | None) -> list[Text]:
        jobs = len(shown_jobs(looked.fleet, as_of=self.now)) + 1
        most = 1_000 if room is None else max(1, room - min(jobs, max(LEAST_TABLE, room // 2)) - 1)
        found = findings_lines(looked.findings, as_of=self.now, width=width, most=most)
        if not found:
            found = _nothing_found(looked, width)
        left = 1_000 if room is None else max(3, room - len(found) - 1)
        chosen = self.view.chosen if self.has_keys else None
        jobs_lines = fleet_lines(looked, as_of=self.now, width=width, most=left, chosen=chosen)
        return [*found, Text(), *jobs_lines]

    def _job(self, job_id: int, width: int, room: int | None) -> list[Text]:
        assert self.looked is not None  # noqa: S101 - asked by who knows it
        lines = job_lines(self.looked, job_id, as_of=self.now, width=width)
        if room is None or len(lines) <= room:
            return lines
        begin = min(self.view.scroll, len(lines) - room + 1)
        below = len(lines) - begin - room + 1
        shown = lines[begin : begin + room - 1]
        more = f"{below} more line{'s' if below != 1 else ''} below" if below else "the end"
        last = Text(f"  {more}", style="dim")
        last.truncate(width, overflow="ellipsis")
        return [*shown, last]

    def _footer(self, width: int) -> Text:
        if not self.has_keys:
            told = ["Ctrl-C ends it"]
        elif self.view.open_job is None:
            told = [
                "q quit",
                "j k choose",
                "Enter open",
                "p go on" if self.paused_at else "p pause",
            ]
        else:
            back = [] if self.view.is_alone else ["Esc back"]
            told = ["q quit", *back, "j k scroll", "p go on" if self.paused_at else "p pause"]
        line = Text("  ".join(told), style="dim")
        line.truncate(width, overflow="ellipsis")
        return line


def _nothing_found(looked: Looked, width: int) -> list[Text]:
    """That nothing is wrong, where enough is known to say so."""
    is_core = looked.sources["source"].isin(ALWAYS)
    is_read = bool(looked.sources.loc[is_core, "ok"].fillna(False).all())
    if looked.judged is None:
        state, says = NOT_JUDGED, "not judged yet"
    elif is_read:
        state, says = WELL, "nothing is found wrong"
    else:
        state, says = CANT_TELL, "nothing is found wrong in what can be read"
    return [Text(line, style=state.style) for line in wrapped(says, width, head=f"{state.mark} ")]
