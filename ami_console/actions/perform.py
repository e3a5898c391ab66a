"""One action from its first look to its outcome."""

import asyncio
import getpass
import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from ami_console.actions.action import NOT_ALLOWED, Action, why_not
from ami_console.actions.answer import Answer
from ami_console.actions.consequences import Consequence, consequences
from ami_console.actions.job_looks import JobLooks, looks_since, newest_looks
from ami_console.actions.journal import Journal, journal_path
from ami_console.actions.outcome import PATIENCE_S, Outcome, outcome
from ami_console.actions.posting import post
from ami_console.errors import AmiConsoleError, RecordingError
from ami_console.history import History
from ami_console.instants import now_ns
from ami_console.logs.masking import masked
from ami_console.reading import Reading
from ami_console.recorder import Recorder
from ami_console.settings import Settings
from ami_console.snapshot import Source, take
from ami_console.sources.live import state_sources

Step = Literal["looking", "asking", "following", "ended", "refused"]

BESIDE = ".actions"
"""Directory beside the recording: the looks around each action, where this process records none."""


class ActionRefused(AmiConsoleError):
    """An action was not asked for; nothing was sent.

    Attributes:
        source_failed: Whether that is because Antenna could not be read.
    """

    def __init__(self, why: str, *, source_failed: bool = False) -> None:
        super().__init__(why)
        self.source_failed = source_failed


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who asks.

    Attributes:
        through: ``cli`` or ``dashboard``.
        session_user: Who is logged in at the dashboard, if anybody.
    """

    through: Literal["cli", "dashboard"]
    session_user: str | None = None

    def told(self) -> dict[str, str | None]:
        """For the journal: the user of the system and the machine too."""
        user: str | None = None
        with suppress(OSError, KeyError):  # a container's user may have no name
            user = getpass.getuser()
        host = socket.gethostname()
        said = masked([self.session_user])[0] if self.session_user else None
        return {"through": self.through, "user": user, "host": host, "session_user": said}


@dataclass(kw_only=True)
class Performing:
    """An action on its way; written by one thread, read by any.

    Attributes:
        id: Names it in the journal.
        step: ``looking``, ``asking``, ``following``, ``ended``; or ``refused``: nothing was sent.
        consequences: What was told beforehand, of the look that was recorded.
        recorded_in: The recording with that look; ``None``: there is none yet.
        asked_at: When it was sent.
        answer: What Antenna answered.
        outcome: What the sources told since.
        problem: Why it was refused, or what went wrong beside it; empty: nothing.
    """

    action: Action
    job_id: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    name: str | None = None
    step: Step = "looking"
    consequences: list[Consequence] = field(default_factory=list)
    recorded_in: Path | None = None
    asked_at: pd.Timestamp | None = None
    answer: Answer | None = None
    outcome: Outcome | None = None
    problem: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.step in ("ended", "refused")


Sources = Callable[[Settings], Sequence[Source]]


def perform(
    settings: Settings,
    doing: Performing,
    who: Who,
    *,
    recorder: Recorder | None = None,
    patience_s: float = PATIENCE_S,
    changed: Callable[[], None] = lambda: None,
    may_look: Callable[[], bool] = lambda: True,
    sources: Sources = state_sources,
) -> None:
    """Do it: look and record, ask, and follow the outcome. Takes seconds to minutes.

    Args:
        settings: Where the sources are; they must allow actions.
        doing: What to do; brought up to date step by step.
        who: Who asks.
        recorder: Of the recording that this process writes; without one a new one is begun beside
            it.
        patience_s: How long the outcome is followed, seconds.
        changed: Called after each step.
        may_look: Whether the sources may be asked while it is followed.
        sources: Makes the live sources.

    Raises:
        ActionRefused: It was not asked for; ``doing`` tells why too.
    """
    acting = _Acting(settings, doing, who, changed=changed, may_look=may_look)
    try:
        asyncio.run(acting.run(recorder, patience_s, sources))
    except ActionRefused as error:
        doing.step, doing.problem = "refused", str(error)
        changed()
        raise


class _Acting:
    """One action while it is done."""

    def __init__(
        self,
        settings: Settings,
        doing: Performing,
        who: Who,
        *,
        changed: Callable[[], None],
        may_look: Callable[[], bool],
    ) -> None:
        self._settings, self._doing, self._who = settings, doing, who
        self._changed, self._may_look = changed, may_look
        self._journal = Journal(journal_path(settings.recording))
        self._history = History()

    async def run(
        self, recorder: Recorder | None, patience_s: float, make_sources: Sources
    ) -> None:
        if not self._settings.allow_actions:
            raise ActionRefused(NOT_ALLOWED)
        kept = self._own_recorder() if recorder is None else recorder
        ours = kept if recorder is None else None
        sources = make_sources(self._settings)
        try:
            before = await self._look_before(sources, kept)
            await self._ask(before)
            if self._doing.answer is not None and self._doing.answer.may_be_done:
                await self._follow(before, sources, ours, patience_s)
        finally:
            await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)
            if ours is not None:
                ours.close()
        self._to("ended")

    def _to(self, step: Step) -> None:
        self._doing.step = step
        self._changed()

    def _own_recorder(self) -> Recorder:
        """Of a recording of its own: the usual one may be another process's at any moment."""
        place = Path(os.path.abspath(self._settings.recording))
        at = pd.Timestamp(now_ns(), tz="UTC")
        name = f"{at:%Y%m%dT%H%M%SZ}-job-{self._doing.job_id}-{self._doing.action}"
        try:
            return Recorder(place.with_name(f"{place.name}{BESIDE}") / name)
        except RecordingError as error:
            raise ActionRefused(_not_recorded(error)) from None

    async def _look_before(self, sources: Sequence[Source], recorder: Recorder) -> JobLooks:
        """Look and record; what may be lost is known, and the action still makes sense."""
        doing = self._doing
        self._to("looking")
        for reading in await take(sources, [doing.job_id]):
            self._history.add(reading)
            _record(reading, recorder)
        doing.recorded_in = recorder.path
        as_of = pd.Timestamp(now_ns(), tz="UTC")
        before = newest_looks(self._history, doing.job_id, as_of=as_of)
        doing.name = before.name
        doing.consequences = consequences(doing.action, before, as_of=as_of)
        row = before.last("antenna")
        if row is not None and pd.isna(row["status"]):
            raise ActionRefused(f"Nothing was sent: Antenna does not know job {doing.job_id}.")
        if why := why_not(doing.action, before.status):
            failed = before.errors.get("antenna")
            told = f"; {failed[1]}" if failed else ""
            raise ActionRefused(f"Nothing was sent: {why}{told}.", source_failed=bool(failed))
        return before

    async def _ask(self, before: JobLooks) -> None:
        doing = self._doing
        try:
            self._journal.write("asked", doing.id, self._asked(before))
        except RecordingError as error:
            raise ActionRefused(_not_recorded(error)) from None
        doing.asked_at = pd.Timestamp(now_ns(), tz="UTC")
        self._to("asking")
        doing.answer = await post(self._settings, doing.job_id, doing.action)
        told = {
            "at": _iso(now_ns()),
            "kind": doing.answer.kind,
            "status": doing.answer.status,
            "says": doing.answer.says,
        }
        self._note("answered", told)

    async def _follow(
        self,
        before: JobLooks,
        sources: Sequence[Source],
        ours: Recorder | None,
        patience_s: float,
    ) -> None:
        """Look until it is known what became of it, or for as long as there is patience."""
        doing, asked_at = self._doing, self._doing.asked_at
        assert asked_at is not None  # noqa: S101 - it was asked
        self._to("following")
        while True:
            if self._may_look():
                for reading in await take(sources, [doing.job_id]):
                    self._history.add(reading)
                    if ours is not None:  # otherwise the watch records what comes
                        ours(reading)
            as_of = pd.Timestamp(now_ns(), tz="UTC")
            after = looks_since(self._history, doing.job_id, since=asked_at, as_of=as_of)
            doing.outcome = outcome(
                doing.action,
                before,
                after,
                asked_at=asked_at,
                as_of=as_of,
                patience_s=patience_s,
            )
            self._changed()
            if doing.outcome.result != "going":
                break
            await asyncio.sleep(self._settings.every_s)
        signs = {e.source: {"state": e.state, "says": e.says} for e in doing.outcome.sources}
        told = {"result": doing.outcome.result, "says": doing.outcome.says, "sources": signs}
        self._note("outcome", {"at": _iso(now_ns()), **told})

    def _asked(self, before: JobLooks) -> dict[str, object]:
        doing = self._doing
        name = masked([before.name])[0] if before.name is not None else None
        return {
            "at": _iso(now_ns()),
            "who": self._who.told(),
            "action": doing.action,
            "job_id": doing.job_id,
            "name": name,
            "antenna": self._settings.antenna_url.shown,
            "status_before": before.status,
            "consequences": [text for _, text in doing.consequences],
            "recorded_in": None if doing.recorded_in is None else str(doing.recorded_in),
        }

    def _note(self, event: str, told: Mapping[str, object]) -> None:
        """Keep what came after; it can't be taken back any more, so a failure is told only."""
        try:
            self._journal.write(event, self._doing.id, told)
        except RecordingError as error:
            self._doing.problem = str(error)


def _record(reading: Reading, recorder: Recorder) -> None:
    recorder(reading)
    if recorder.error is not None:
        raise ActionRefused(_not_recorded(recorder.error))


def _not_recorded(why: object) -> str:
    return (
        f"Nothing was sent, since the evidence can't be kept: {why} If it can't wait, do it in "
        "Antenna itself."
    )


def _iso(instant_ns: int) -> str:
    return pd.Timestamp(instant_ns, tz="UTC").isoformat(timespec="milliseconds")
