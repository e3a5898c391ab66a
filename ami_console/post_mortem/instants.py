"""Instants, spans and counts as the sentences of a post-mortem name them; times are UTC."""

from typing import Any

import pandas as pd

from ami_console.metrics.event import span_text


def absent(value: Any) -> bool:
    """Whether a value is missing: None, NA, NaT or NaN."""
    return value is None or bool(pd.isna(value))


def clock(at: Any, *, day: Any) -> str:
    """``15:16:26 UTC``, cut to the second; with its date where that is not the job's.

    Args:
        at: The instant; missing: ``an unknown time``.
        day: An instant of the day that needs no naming; missing: each has its date.
    """
    if absent(at):
        return "an unknown time"
    same = not absent(day) and at.date() == day.date()
    return f"{at:%H:%M:%S} UTC" if same else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def seconds_between(begin: Any, end: Any) -> float | None:
    """Whole seconds between two instants as they are shown, so that a reader gets the same."""
    if absent(begin) or absent(end):
        return None
    return float((end.floor("s") - begin.floor("s")).total_seconds())


def span(seconds: Any) -> str:
    """Seconds for a sentence: ``45 s``, ``12 min``, ``3.5 h``."""
    return "an unknown time" if absent(seconds) else span_text(float(seconds))


def images(count: Any) -> str:
    """A number of images for a sentence."""
    if absent(count):
        return "an unknown number of images"
    return "1 image" if int(count) == 1 else f"{int(count):,} images"


def were(count: int) -> str:
    """The verb that goes with a number."""
    return "was" if count == 1 else "were"


def sequences(values: list[int], *, most: int = 6) -> str:
    """Numbers with their runs drawn together: ``17 to 24, 30``; cut where there are many runs."""
    runs: list[list[int]] = []
    for value in sorted(set(values)):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    told = [f"{low}" if low == high else f"{low} to {high}" for low, high in runs[:most]]
    return ", ".join(told) + (", …" if len(runs) > most else "")
