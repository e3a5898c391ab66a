"""How a job's story looks: names of its lanes, colours of their tones, marks of its events.

The dashboard's chart of states and :func:`ami_console.plots.states` share this table.
"""

from dataclasses import dataclass

EVENTS = "events"

LANE_NAMES: dict[str, str] = {
    EVENTS: "Events",
    "status": "Antenna",
    "stream": "Stream",
    "fetching": "Workers",
    "verdict": "Verdict",
    "sources": "Sources",
}
"""Lane of :data:`ami_console.metrics.spans.LANES`, or the events → its name at the axis; the
topmost first."""

TONES: dict[str, str] = {
    "good": "#0b7a55",
    "active": "#1d6fb8",
    "warn": "#a65a00",
    "bad": "#c0262d",
    "muted": "#5b6875",
    "unknown": "#5b6875",
}
"""Tone → colour of a bar; white words can be read on each of them."""

HATCH = "right_diagonal_line"
"""What is not known is hatched, so that it is told from the rest without any colour."""

NO_HATCH = " "


@dataclass(frozen=True)
class Mark:
    """How one kind of event is marked.

    Attributes:
        word: A word or two.
        marker: A marker of Bokeh; with the word it tells the kinds apart without any colour.
        tone: A key of ``TONES``.
        rank: Of events at the same instant the lowest gives its mark and word.
    """

    word: str
    marker: str
    tone: str
    rank: int


MARKS: dict[str, Mark] = {
    "created": Mark("created", "circle", "muted", 7),
    "started": Mark("started", "triangle", "active", 4),
    "status": Mark("status", "circle_dot", "active", 5),
    "finished": Mark("ended", "square", "good", 1),
    "revoked": Mark("revoked", "square_x", "muted", 1),
    "first_delivery": Mark("first fetch", "triangle_dot", "active", 5),
    "fetching_stopped": Mark("nobody fetches", "inverted_triangle", "bad", 2),
    "redelivery": Mark("handed out again", "plus", "warn", 3),
    "published_again": Mark("more images", "cross", "warn", 3),
    "restart": Mark("broker restarted", "star", "warn", 2),
    "recreated": Mark("made anew", "star_dot", "warn", 2),
    "deleted": Mark("stream gone", "x", "muted", 6),
    "counters_gone": Mark("counters gone", "x", "muted", 7),
    "worker_lost": Mark("worker lost", "inverted_triangle", "bad", 0),
    "health_check": Mark("health check", "hex", "warn", 2),
    "reaped": Mark("reaped", "hex", "bad", 0),
    "job_failed": Mark("failed", "square_x", "bad", 0),
    "verdict": Mark("found", "diamond", "active", 3),
}
"""Kind of :data:`ami_console.metrics.happenings.KINDS` → its mark; what is missing here (sources
that gave nothing, pauses) is drawn as a hatched strip."""

SEVERITY_TONES: dict[str, str] = {"critical": "bad", "warning": "warn", "info": "active"}


def mark_of(kind: str, subject: object, severity: object, title: str) -> Mark:
    """The mark of one event.

    Args:
        kind: What happened.
        subject: Of a verdict its code.
        severity: Of a verdict.
        title: Of an end its status stands in it.
    """
    mark = MARKS[kind]
    if kind == "verdict":
        tone = SEVERITY_TONES.get(str(severity), "muted")
        return Mark(str(subject).replace("_", " "), mark.marker, tone, mark.rank)
    if kind == "finished" and "FAILURE" in title:
        return Mark(mark.word, "square_x", "bad", mark.rank)
    return mark
