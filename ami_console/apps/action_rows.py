"""What the page says of actions: what is offered, what it would mean, what became of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.actions import (
    ACTIONS,
    Action,
    Answer,
    JobLooks,
    Outcome,
    Performing,
    consequences,
    why_not,
)
from ami_console.actions.job_looks import NAMES
from ami_console.apps.formats import Tone, ago, clock, escape
from ami_console.apps.told import Places, Told

Mode = Literal["off", "replay", "paused", "live"]

LABELS: dict[Action, tuple[str, str]] = {
    "run": ("▶\ufe0e", "Run"),
    "retry": ("↻", "Retry"),
    "cancel": ("⊘", "Cancel"),
}
"""Action → mark and word."""

KINDS = {
    "lost": ("✕", "lost"),
    "twice": ("▲", "done twice"),
    "unknown": ("?", "not known"),
    "note": ("·", "note"),
}
"""Kind of a consequence → mark and word."""

_STATES: dict[str, tuple[str, str, Tone]] = {
    "seen": ("✓", "seen", "good"),
    "waiting": ("◔", "waiting", "active"),
    "contradicts": ("✕", "contradicts", "bad"),
    "cant_tell": ("?", "can't tell", "warn"),
}
_RESULTS: dict[str, tuple[str, str, Tone]] = {
    "done": ("✓", "done", "good"),
    "going": ("◔", "still going", "active"),
    "not confirmed": ("▲", "not confirmed", "warn"),
}
_ANSWERS: dict[str, tuple[str, str, Tone]] = {
    "accepted": ("✓", "accepted", "good"),
    "refused": ("✕", "refused", "bad"),
    "not sent": ("✕", "not sent", "bad"),
    "not known": ("?", "not known", "warn"),
}

_QUIET: dict[Mode, str] = {
    "off": "Run, retry and cancel are off here. To have them, serve with "
    "<code>--allow-actions</code> and a token that may write.",
    "replay": "This is the past: run, retry and cancel are offered on the live page.",
    "paused": "Paused: run, retry and cancel are offered when the watch goes on.",
}


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What the page shows of the actions on a job.

    Attributes:
        job_id: The job.
        status: Antenna's status of it; ``None``: not known.
        mode: Whether actions can be asked for: ``live``; else why not.
        doing: An action on its way or just over, if any is to be shown.
    """

    job_id: int
    status: str | None
    mode: Mode
    doing: Performing | None = None


def actions_card(offer: Offer, *, as_of: pd.Timestamp, zone: ZoneInfo) -> Told:
    """The buttons, or why there are none; and what became of the last action.

    Args:
        offer: What is offered.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
    """
    put = Places()
    parts = [_buttons(offer)] if offer.mode == "live" else [f'<p class="note">{_quiet(offer)}</p>']
    if offer.doing is not None:
        parts.append(_progress(offer.doing, put, as_of, zone))
    head = '<div class="section"><h3>Actions<span class="dim">Antenna</span></h3>'
    return put.told(f"{head}{''.join(parts)}</div>")


def _quiet(offer: Offer) -> str:
    return _QUIET[offer.mode]


def _buttons(offer: Offer) -> str:
    buttons, reasons = [], []
    busy = offer.doing is not None and offer.doing.step in ("looking", "asking")
    for action in ACTIONS:
        mark, word = LABELS[action]
        why = "an action is just being sent" if busy else why_not(action, offer.status)
        off = " disabled" if why else ""
        buttons.append(
            f'<button type="button" data-act="ask" data-action="{action}" '
            f'data-of="{offer.job_id}" data-focus="action:{action}"{off}>'
            f'<i class="mark" aria-hidden="true">{mark}</i>{word} …</button>'
        )
        if why and not busy:
            reasons.append(f"<li>{word}: {escape(why)}</li>")
    return (
        f'<div class="buttons" role="group" aria-label="Actions on job {offer.job_id}">'
        f"{''.join(buttons)}</div><ul class='why'>{''.join(reasons)}</ul>"
    )


def _progress(doing: Performing, put: Places, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    mark, word = LABELS[doing.action]
    steps = [_recorded(doing.recorded_in, doing.step)]
    if doing.asked_at is not None:
        steps.append(_asked(doing, doing.answer, as_of, zone))
    if doing.problem:
        steps.append(_step(("✕", "problem", "bad"), escape(doing.problem)))
    told = _followed(doing.outcome, put, as_of, zone) if doing.outcome is not None else ""
    rights = ""
    if doing.answer is not None and doing.answer.lacks_rights:
        rights = (
            '<div class="error bad"><strong>No permission.</strong> Antenna takes this token for '
            "one that may only look, or does not know it. Set "
            "<code>AMI_CONSOLE_ANTENNA_TOKEN</code> to the token of a user who may change jobs of "
            "this project, and start the console again.</div>"
        )
    end = ""
    if doing.is_over:
        end = (
            '<button type="button" data-act="dismiss" data-focus="action:dismiss" '
            f'data-of="{doing.job_id}">Dismiss</button>'
        )
    return (
        '<div class="progress"><h4 tabindex="-1" data-focus="action:progress">'
        f'<i class="mark" aria-hidden="true">{mark}</i>{word} of job {doing.job_id}</h4>'
        f"<ol>{''.join(steps)}</ol>{told}{rights}{end}</div>"
    )


def _recorded(place: Path | None, step: str) -> str:
    if place is not None:
        return _step(
            ("✓", "recorded", "good"),
            f"One look at all sources is in <code>{escape(place)}</code>.",
        )
    if step == "refused":
        return ""
    return _step(("◔", "looking", "active"), "One look at all sources is being recorded.")


def _asked(doing: Performing, answer: Answer | None, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    at = clock(doing.asked_at, zone, as_of=as_of)
    if answer is not None:
        return _step(_ANSWERS[answer.kind], f"Asked at {at}. {escape(answer.says)}")
    if doing.is_over:
        return _step(("?", "not known", "warn"), f"Asked at {at}, and no answer was seen.")
    return _step(("◔", "asking", "active"), f"Asked at {at}; Antenna has not answered yet.")


def _followed(outcome: Outcome, put: Places, as_of: pd.Timestamp, zone: ZoneInfo) -> str:
    rows = []
    for each in outcome.sources:
        since = "" if each.since is None else clock(each.since, zone, as_of=as_of)
        rows.append(
            f'<tr><th scope="row">{NAMES[each.source]}</th><td>{_badge(_STATES[each.state])}</td>'
            f'<td>{put(each.says)}</td><td class="dim">{put(since)}</td></tr>'
        )
    return (
        '<table><caption class="dim">What the sources tell since</caption><tbody>'
        f"{''.join(rows)}</tbody></table>"
        f'<p class="total">{_badge(_RESULTS[outcome.result])} {put(outcome.says)}</p>'
    )


def _step(state: tuple[str, str, Tone], html: str) -> str:
    return f"<li>{_badge(state)} <span>{html}</span></li>"


def _badge(state: tuple[str, str, Tone]) -> str:
    mark, word, tone = state
    return f'<span class="state {tone}"><i class="mark">{mark}</i>{word}</span>'


def dialog_told(
    action: Action, looks: JobLooks, *, as_of: pd.Timestamp, problem: str = ""
) -> dict[str, Any]:
    """What the dialog says before an action, as plain text.

    Args:
        action: What is wanted.
        looks: The last that the sources told of the job.
        as_of: The instant that it is seen from.
        problem: Why it could not be done when it was confirmed.
    """
    _, word = LABELS[action]
    oldest = looks.oldest_at
    age = "nothing was read of it" if oldest is None else f"read {ago(oldest, as_of)}"
    return {
        "action": action,
        "job": looks.job_id,
        "title": f"{word} job {looks.job_id}?",
        "name": looks.name or "",
        "age": f"What it means as the job stands now, {age}:",
        "told": [
            [kind, *KINDS[kind], text] for kind, text in consequences(action, looks, as_of=as_of)
        ],
        "confirm": f"{word} job {looks.job_id}",
        "problem": problem,
    }
