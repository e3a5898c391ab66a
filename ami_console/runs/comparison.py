"""Two or more runs held against each other: settings, outcomes, and which differ beyond noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.runs import aligned, shown, words
from ami_console.runs.measures import OUTCOMES, SETTINGS, Outcome, Sample
from ami_console.runs.noise import LEVEL, contrast, fisher, folded, holm
from ami_console.runs.run import Run, RunData, read

MORE, WITHIN, CANT_TELL, NOT_COMPARED = "more than noise", "within noise", "can't tell", "–"

MARGIN_RATIO = 1.10
"""Runs that are set up alike differ by up to a tenth from one to the next, which no single run can
show: an interval that reaches closer to "the same" is no difference."""

OUTCOME: dict[str, str] = {
    "outcome": frames.TEXT,
    "unit": frames.TEXT,
    "first": frames.TEXT,
    "other": frames.TEXT,
    "first_value": frames.MEASURE,
    "other_value": frames.MEASURE,
    "ratio": frames.MEASURE,
    "low_ratio": frames.MEASURE,
    "high_ratio": frames.MEASURE,
    "p": frames.MEASURE,
    "verdict": frames.TEXT,
    "why": frames.TEXT,
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between runs.

    Attributes:
        labels: Of the runs, in order; the first is what the others are compared with.
        configuration: One row per setting: ``setting``, ``unit``, a column per label with the
            value (missing: not known), ``differs`` (NA where one is not known).
        outcome: One row per outcome and other run. ``first_value``, ``other_value`` in ``unit``;
            ``ratio`` other by first with its 95 % interval ``low_ratio`` … ``high_ratio``; ``p``
            by chance, corrected for the number of comparisons (Holm); ``verdict`` ``more than
            noise``, ``within noise``, ``can't tell`` or ``–`` (not held against chance), and
            ``why``.
        by_time: :func:`~ami_console.runs.aligned.by_time`.
        by_progress: :func:`~ami_console.runs.aligned.by_progress`.
    """

    labels: tuple[str, ...]
    configuration: pd.DataFrame
    outcome: pd.DataFrame
    by_time: pd.DataFrame
    by_progress: pd.DataFrame

    @property
    def differing(self) -> list[str]:
        """Settings and outcomes that differ, outcomes by more than noise; their keys."""
        settings = self.configuration
        outcomes = self.outcome.loc[self.outcome["verdict"] == MORE, "outcome"]
        return [
            *settings.loc[settings["differs"].fillna(False), "setting"],
            *outcomes.drop_duplicates(),
        ]

    def in_words(self) -> list[str]:
        """Plain sentences: what was set differently, what came out differently, what is open."""
        return words.in_words(self.labels, self.configuration, self.outcome)

    def _repr_html_(self) -> str:
        return shown.card(self.labels, self.configuration, self.outcome, self.in_words())


def compare(*runs: Run | tuple[FrameSource, int] | tuple[FrameSource, int, str]) -> Comparison:
    """Hold runs against the first of them.

    What differs within a run from block to block tells how much of a difference between runs may
    be chance: throughput by groups of whole batches, times by batches (images of one batch are not
    independent), redelivered, failed and lost images by batches too. See docs/what-if.md.

    Args:
        runs: Two or more: a source of frames, the job, and what to call it.

    Raises:
        UnknownJobError: Nothing is known of a job.
        ValueError: There are fewer than two runs, or two have the same label.
    """
    asked = [Run(*run) for run in runs]
    if len(asked) < 2:
        raise ValueError(f"compare needs two runs or more, and got {len(asked)}")
    return of(_labelled([read(run) for run in asked]))


def of(seen: Sequence[RunData]) -> Comparison:
    """The comparison of runs that are read already."""
    return Comparison(
        labels=tuple(run.label for run in seen),
        configuration=_configuration(seen),
        outcome=_outcome(seen),
        by_time=aligned.by_time(seen),
        by_progress=aligned.by_progress(seen),
    )


def _labelled(seen: Sequence[RunData]) -> Sequence[RunData]:
    labels = [run.label for run in seen]
    if len(set(labels)) < len(labels):
        raise ValueError(f"each run needs a label of its own, and these are {', '.join(labels)}")
    return seen


def _configuration(seen: Sequence[RunData]) -> pd.DataFrame:
    rows = []
    for setting in SETTINGS:
        values = [setting.of(run) for run in seen]
        known = [value for value in values if value is not None]
        differs: Any = any(
            value != values[0] and not setting.nearly(seen[0], run)
            for run, value in zip(seen, values, strict=True)
        )
        if len(known) < len(values):
            differs = pd.NA if len(set(known)) < 2 else True
        named = {run.label: value for run, value in zip(seen, values, strict=True)}
        rows.append({"setting": setting.key, "unit": setting.unit, **named, "differs": differs})
    return pd.DataFrame(rows, dtype=object).astype(
        {"setting": frames.TEXT, "unit": frames.TEXT, "differs": frames.FLAG}
    )


def _outcome(seen: Sequence[RunData]) -> pd.DataFrame:
    rows = [_row(outcome, seen[0], other) for other in seen[1:] for outcome in OUTCOMES]
    tested = [row for row in rows if row.get("p") is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p"] = p
        _judge(row)
    return frames.table(rows, OUTCOME)


def _row(outcome: Outcome, first: RunData, other: RunData) -> dict[str, Any]:
    values = outcome.of(first), outcome.of(other)
    row: dict[str, Any] = {
        "outcome": outcome.key,
        "unit": outcome.unit,
        "first": first.label,
        "other": other.label,
        "first_value": values[0],
        "other_value": values[1],
        "verdict": NOT_COMPARED,
        "why": outcome.why_not,
    }
    if values[0] and values[1] is not None:
        row["ratio"] = values[1] / values[0]
    unknown = [
        run.label for run, value in zip((first, other), values, strict=True) if value is None
    ]
    if unknown:
        return row | {"verdict": CANT_TELL, "why": f"not known of {' and '.join(unknown)}"}
    if outcome.sample is not None:
        return row | _by_sample(outcome, (first, other))
    if outcome.counted is not None:
        return row | _by_count(
            outcome, (first, other), (float(values[0] or 0), float(values[1] or 0))
        )
    return row


def _by_sample(outcome: Outcome, pair: tuple[RunData, RunData]) -> dict[str, Any]:
    assert outcome.sample is not None  # noqa: S101
    first, other = (outcome.sample(run) for run in pair)
    found = contrast(first.values, other.values, middle=outcome.middle)
    error = max(first.error, other.error)
    if error and error >= min(np.median(each.values) for each in (first, other)):
        return {
            "verdict": CANT_TELL,
            "why": f"each may be off by {error:.2g} s, as long as it takes",
        }
    if found is None:
        return {"verdict": CANT_TELL, "why": _too_few(pair, (first, other), outcome.middle)}
    ends = (found.ratio, found.low, found.high)
    if outcome.is_inverse:
        ends = (1 / found.ratio, 1 / found.high, 1 / found.low)
    return {
        **dict(zip(("ratio", "low_ratio", "high_ratio"), ends, strict=True)),
        "p": found.p,
        "why": f"{found.blocks[0]} and {found.blocks[1]} {first.what}",
        "error": error,
    }


def _too_few(pair: tuple[RunData, RunData], samples: tuple[Sample, Sample], middle: str) -> str:
    told = []
    for run, sample in zip(pair, samples, strict=True):
        number, independent = len(sample.values), len(folded(sample.values, middle))
        among = f", which tell no more than {independent} would" if independent < number else ""
        told.append(f"{run.label} has {number} {sample.what}{among}")
    return f"too few that are independent: {'; '.join(told)}"


def _by_count(
    outcome: Outcome, pair: tuple[RunData, RunData], values: tuple[float, float]
) -> dict[str, Any]:
    assert outcome.counted is not None  # noqa: S101
    here, there = (outcome.counted(run) for run in pair)
    if here is None or there is None:
        if values[0] == values[1]:
            return {"verdict": WITHIN, "why": "the same number"}
        return {"verdict": CANT_TELL, "why": "how many batches there were is not known"}
    if values == (0.0, 0.0):
        return {"verdict": WITHIN, "why": f"none in {here[1]} and {there[1]} batches"}
    return {
        "p": fisher((here[0], there[0]), (here[1], there[1])),
        "why": f"in {here[0]} of {here[1]} batches and in {there[0]} of {there[1]}",
    }


def _judge(row: dict[str, Any]) -> None:
    """Beyond chance, beyond what alike runs differ by, and beyond what the times are off."""
    error = row.pop("error", 0.0)
    is_beyond = row["p"] < LEVEL
    if row.get("low_ratio") is not None:
        is_beyond &= row["low_ratio"] > MARGIN_RATIO or row["high_ratio"] < 1 / MARGIN_RATIO
    row["verdict"] = MORE if is_beyond else WITHIN
    if is_beyond and error and abs(row["other_value"] - row["first_value"]) <= error:
        row["verdict"] = CANT_TELL
        row["why"] = f"the times may be off by {error:.2g} s each"
