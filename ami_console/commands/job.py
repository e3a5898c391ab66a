"""``ami-console job run|retry|cancel N``: ask Antenna once, and see what became of it."""

import argparse
import asyncio
from typing import Any

import pandas as pd

from ami_console.actions import (
    NOT_ALLOWED,
    ActionRefused,
    Consequence,
    Performing,
    Who,
    consequences,
    journal_path,
    newest_looks,
    perform,
    why_not,
)
from ami_console.cli import BAD_INPUT, DONE, FOUND, SOURCE_FAILED
from ami_console.commands.printing import complain, json_text, paragraph, printable
from ami_console.errors import SettingsError
from ami_console.history import History
from ami_console.instants import now_ns
from ami_console.settings import Settings
from ami_console.snapshot import take
from ami_console.sources.live import state_sources

MARKS = {"lost": "✕", "twice": "▲", "unknown": "?", "note": "·"}
_SIGNS = {"seen": "✓", "waiting": "…", "contradicts": "✕", "cant_tell": "?"}


def run(options: argparse.Namespace) -> int:
    """Do it and follow it; 1 when somebody must see whether it was done."""
    settings = Settings.from_environment()
    if not settings.allow_actions:
        raise SettingsError(NOT_ALLOWED)
    if not options.yes:
        return _preview(settings, options)
    doing = Performing(action=options.action, job_id=options.job)
    says = _Saying(doing, is_quiet=options.format == "json")
    source_failed = False
    try:
        perform(
            settings,
            doing,
            Who(through="cli"),
            patience_s=options.wait_s,
            changed=says.changed,
        )
    except ActionRefused as error:
        source_failed = error.source_failed
        complain(str(error))
    except KeyboardInterrupt:
        says.interrupted()
        return FOUND if doing.asked_at is not None else BAD_INPUT
    if options.format == "json":
        print(json_text(_as_json(doing, settings)))
    elif doing.answer is not None:
        print(printable(f"journal: {journal_path(settings.recording)}"))
    if doing.problem and doing.step != "refused":
        complain(doing.problem)
    return _exit_code(doing, source_failed=source_failed)


def _exit_code(doing: Performing, *, source_failed: bool) -> int:
    if doing.answer is None:
        return SOURCE_FAILED if source_failed else BAD_INPUT
    if not doing.answer.may_be_done:
        return SOURCE_FAILED
    return DONE if doing.outcome is not None and doing.outcome.result == "done" else FOUND


def _preview(settings: Settings, options: argparse.Namespace) -> int:
    """What would be lost or done twice; nothing is sent."""
    history = asyncio.run(_looked(settings, options.job))
    as_of = pd.Timestamp(now_ns(), tz="UTC")
    looks = newest_looks(history, options.job, as_of=as_of)
    why = why_not(options.action, looks.status)
    if why is None:
        told = consequences(options.action, looks, as_of=as_of)
        print(paragraph(f"{options.action} of job {options.job} {looks.name or ''} would mean:"))
        print("\n".join(map(_line, told)))
    else:
        print(paragraph(f"{options.action} of job {options.job} makes no sense: {why}"))
    for source, (_, error) in looks.errors.items():
        complain(f"{source}: {error}")
    complain("nothing was done; add --yes to do it")
    return BAD_INPUT


async def _looked(settings: Settings, job_id: int) -> History:
    sources = state_sources(settings)
    history = History()
    try:
        for reading in await take(sources, [job_id]):
            history.add(reading)
    finally:
        await asyncio.gather(*(source.aclose() for source in sources), return_exceptions=True)
    return history


def _line(consequence: Consequence) -> str:
    return paragraph(consequence.text, head=f"  {MARKS[consequence.kind]} ")


class _Saying:
    """Prints what is new after each step."""

    def __init__(self, doing: Performing, *, is_quiet: bool) -> None:
        self._doing, self._is_quiet = doing, is_quiet
        self._said: set[str] = set()

    def changed(self) -> None:
        """Something is new."""
        doing = self._doing
        if doing.step in ("asking", "following", "ended"):
            self._say(f"recorded in {doing.recorded_in}")
            self._say("\n".join(map(_line, doing.consequences)))
            name = f"{doing.job_id} {doing.name or ''} …"
            self._say(paragraph(f"asking Antenna to {doing.action} job {name}"))
        if doing.answer is not None:
            self._say(paragraph(doing.answer.says))
        if doing.outcome is not None:
            for each in doing.outcome.sources:
                head = f"  {_SIGNS[each.state]} "
                self._say(paragraph(f"{each.source}: {each.says}", head=head))
            if doing.outcome.result != "going":
                self._say(paragraph(doing.outcome.says))

    def interrupted(self) -> None:
        """Ctrl-C: what was sent can't be taken back."""
        sent = self._doing.asked_at is not None
        told = "it was asked for, and is followed no more" if sent else "nothing was sent"
        complain(f"ended; {told}")

    def _say(self, text: str) -> None:
        if text and not self._is_quiet and text not in self._said:
            self._said.add(text)
            print("\n".join(map(printable, text.split("\n"))), flush=True)


def _as_json(doing: Performing, settings: Settings) -> dict[str, Any]:
    outcome, answer = doing.outcome, doing.answer
    return {
        "action": doing.action,
        "job_id": doing.job_id,
        "name": doing.name,
        "consequences": [{"kind": each.kind, "text": each.text} for each in doing.consequences],
        "recorded_in": None if doing.recorded_in is None else str(doing.recorded_in),
        "asked_at": None if doing.asked_at is None else doing.asked_at.isoformat(),
        "answer": None
        if answer is None
        else {"kind": answer.kind, "status": answer.status, "says": answer.says},
        "outcome": None
        if outcome is None
        else {
            "result": outcome.result,
            "says": outcome.says,
            "sources": {
                each.source: {
                    "state": each.state,
                    "says": each.says,
                    "since": None if each.since is None else each.since.isoformat(),
                }
                for each in outcome.sources
            },
        },
        "problem": doing.problem or None,
        "journal": None if answer is None else str(journal_path(settings.recording)),
    }
