"""Findings as checks make them, for tests of what the page does with them."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps.findings_card import Scene
from ami_console.diagnosis import Evidence, Finding
from ami_console.live_diagnosis import Judged

AT = pd.Timestamp("2026-11-23T15:24:00Z")
NEW_YORK = ZoneInfo("America/New_York")
HOSTILE = "</code><img src=x onerror=alert(1)>"


def finding(code: str = "no_worker", job_id: int | None = 4, **more: Any) -> Finding:
    """One that stands for nine minutes, with everything that one can have."""
    told: dict[str, Any] = {
        "severity": "critical",
        "title": "320 images are queued and no worker fetches them",
        "since": AT - pd.Timedelta(minutes=9),
        "as_of": AT,
        "evidence": (
            Evidence(name="num_pending", value=320, source="nats", observed_at=AT),
            Evidence(name="num_waiting", value=None, source="nats"),
            Evidence(
                name="last_good_read_at",
                value=AT - pd.Timedelta(seconds=90),
                source="redis",
                observed_at=AT,
            ),
        ),
        "why": "Nothing has moved since 15:15:03 UTC.",
        "next_step": "Start one with `ami worker`, or see `docker compose ps`.",
        "doubt": "Whether it hangs or is gone.",
        "disproved_by": "num_waiting above 0",
        "explains": ("slow", "starved"),
    }
    return Finding(code=code, job_id=job_id, **told | more)


def unknown(code: str, job_id: int, why: str) -> Finding:
    """One that could not be judged."""
    return finding(code, job_id, severity="info", outcome="cant_tell", why=why, title="Can't tell")


def judged(*findings: Finding, as_of: pd.Timestamp = AT) -> Judged:
    """A judgement."""
    return Judged(as_of, findings)


def scene(**more: Any) -> Scene:
    """The page two seconds after the judgement."""
    told: dict[str, Any] = {"as_of": AT + pd.Timedelta(seconds=2), "zone": NEW_YORK, "running": 3}
    return Scene(**told | more)


def text(told: Any) -> str:
    """What a reader reads of HTML with its texts, or of a pane that shows some."""
    plain = getattr(told, "told", told).plain.replace("<wbr>", "").replace("\u202f", "")
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", plain)).strip()
    return re.sub(r" (?=[.,;:])", "", words)
