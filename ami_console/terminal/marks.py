"""States as mark, word and tone: never told by colour alone."""

from typing import Any, Literal, NamedTuple

from ami_console.terminal.words import absent, printable

Tone = Literal["good", "active", "warn", "bad", "muted", "plain"]

STYLES: dict[Tone, str] = {
    "good": "green",
    "active": "cyan",
    "warn": "yellow",
    "bad": "red",
    "muted": "dim",
    "plain": "",
}
"""Of the sixteen colours that every terminal has in its theme, be it dark or light."""


class State(NamedTuple):
    """How something stands."""

    mark: str
    word: str
    tone: Tone

    @property
    def style(self) -> str:
        """Of mark and word."""
        return STYLES[self.tone]

    @property
    def text(self) -> str:
        """Mark and word."""
        return f"{self.mark} {self.word}"


STATUSES = {
    "CREATED": State("○", "created", "muted"),
    "PENDING": State("◔", "pending", "active"),
    "RECEIVED": State("◔", "received", "active"),
    "STARTED": State("▶", "started", "active"),
    "RETRY": State("↻", "retry", "warn"),
    "CANCELING": State("◌", "canceling", "warn"),
    "SUCCESS": State("✓", "success", "good"),
    "FAILURE": State("✕", "failure", "bad"),
    "REVOKED": State("⊘", "revoked", "muted"),
}

SEVERITIES = {
    "critical": State("✕", "critical", "bad"),
    "warning": State("▲", "warning", "warn"),
    "info": State("●", "info", "active"),
}
CANT_TELL = State("?", "can't tell", "muted")
WELL = State("✓", "well", "good")
NOT_JUDGED = State("…", "not judged", "muted")

AGREEMENT = {
    "pass": State("✓", "agree", "good"),
    "fail": State("✕", "differ", "bad"),
    "cant_tell": CANT_TELL,
}


def status_of(status: Any) -> State:
    """How a job's status is shown; one that is new to us keeps its own word."""
    if absent(status):
        return State("?", "not known", "muted")
    return STATUSES.get(str(status), State("?", printable(str(status).lower()), "warn"))
