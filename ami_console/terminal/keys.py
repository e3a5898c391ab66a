"""Which keys were pressed, and what they change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
}
_SINGLE = {
    "k": "up",
    "j": "down",
    "\r": "enter",
    "\n": "enter",
    "\x1b": "back",
    "\x7f": "back",
    "\x08": "back",
    "h": "back",
    "q": "quit",
    "Q": "quit",
    "p": "pause",
    " ": "page down",
}
PAGE = 10
_STEPS = {"up": -1, "down": 1, "page up": -PAGE, "page down": PAGE}


def keys(data: bytes) -> Iterator[str]:
    """Keys by what they do; those that do nothing are left out.

    Args:
        data: As a terminal sends it.
    """
    while data:
        for sequence, name in _SEQUENCES.items():
            if data.startswith(sequence):
                yield name
                data = data[len(sequence) :]
                break
        else:
            if len(data) > 1 and data[:1] == b"\x1b" and data[1:2] in b"[O":  # of another key
                rest = data[2:].lstrip(b"0123456789;")
                data = rest[1:]
                continue
            if chr(data[0]) in _SINGLE:
                yield _SINGLE[chr(data[0])]
            data = data[1:]


@dataclass(frozen=True)
class View:
    """What the reader looks at.

    Attributes:
        open_job: The job whose page is open; ``None``: the table of all.
        chosen: The job that a key would open; ``None``: the first.
        scroll: Lines of an open page that are above the screen.
        is_alone: Only this one job is watched: there is no table behind its page.
    """

    open_job: int | None = None
    chosen: int | None = None
    scroll: int = 0
    is_alone: bool = False


def pressed(key: str, view: View, jobs: Sequence[int]) -> View:
    """What the reader looks at after a key.

    Args:
        key: One of those that :func:`keys` gives.
        view: Before it.
        jobs: Of the table, from above.
    """
    step = _STEPS.get(key, 0)
    if view.open_job is not None:
        if key == "back" and not view.is_alone:
            return replace(view, open_job=None, chosen=view.open_job, scroll=0)
        return replace(view, scroll=max(0, view.scroll + step))
    if not jobs or (not step and key != "enter"):
        return view
    place = jobs.index(view.chosen) if view.chosen in jobs else None
    if key == "enter":
        return replace(view, open_job=jobs[place or 0], scroll=0)
    # The first key shows where the reader is.
    moved = 0 if place is None else min(max(0, place + step), len(jobs) - 1)
    return replace(view, chosen=jobs[moved])
