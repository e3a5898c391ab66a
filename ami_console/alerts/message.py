"""What an alert says: a JSON object with the whole finding, and one line for a chat."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ami_console.alerts.episodes import Change
from ami_console.diagnosis.finding import Finding, plain

_LONGEST_TITLE = 240
_LONGEST_STEP = 160

# Chat tools read commands in text, such as <!channel> and @here; a job's name must not give any.
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": "＠"})


def body(change: Change, *, sent_at: pd.Timestamp, console_url: str | None) -> bytes:
    """An alert as JSON, in ASCII.

    Args:
        change: What is told.
        sent_at: The instant of this attempt.
        console_url: Address of the dashboard, if it is known.

    Returns:
        An object with ``event`` (``began``, ``ended``), ``key`` (the same text in both, and
        after a restart), ``sent_at``, ``console``, ``text``, ``finding`` and, when it ended,
        ``ended_at``: the first look at which it was gone.
    """
    said: dict[str, Any] = {
        "event": change.event,
        "key": key_text(change.finding),
        "sent_at": sent_at,
        "console": console_url,
        "text": text(change, console_url=console_url),
        "finding": change.finding.as_json(),
    }
    if change.ended_at is not None:
        said["ended_at"] = change.ended_at
    return json.dumps(_clean(said), allow_nan=False, default=str).encode("ascii")


def key_text(finding: Finding) -> str:
    """The finding's key as one text: code, job and subject, the latter two where there are any."""
    return "/".join(str(part) for part in finding.key if part is not None)


def text(change: Change, *, console_url: str | None) -> str:
    """One line for a chat: what, since when, and what to do."""
    finding = change.finding
    about = finding.code if finding.job_id is None else f"{finding.code}, job {finding.job_id}"
    since = f", since {_when(finding.since)}" if finding.since is not None else ""
    title = _one_line(finding.title, _LONGEST_TITLE)
    if change.ended_at is not None:
        line = f"Over: {title} ({about}{since}, over at {_when(change.ended_at)})"
    else:
        line = f"CRITICAL: {title} ({about}{since})"
        if finding.next_step:
            line += f" Next: {_one_line(finding.next_step, _LONGEST_STEP)}"
    return line if console_url is None else f"{line} {console_url}"


def _when(instant: pd.Timestamp) -> str:
    return f"{instant.tz_convert('UTC'):%Y-%m-%d %H:%M}Z"


def _one_line(said: str, longest: int) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in said)
    line = " ".join(shown.split()).translate(_HARMLESS)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _clean(value: Any) -> Any:
    """The value as JSON can carry it: no halves of surrogate pairs, no infinity."""
    if isinstance(value, Mapping):
        return {_clean(str(name)): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    value = plain(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
