"""The sentences of a comparison."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ami_console.metrics.what_if_words import rate, seconds
from ami_console.runs.measures import OUTCOMES, SETTINGS

_TITLES = {setting.key: setting.title for setting in SETTINGS}
_OUTCOMES = {outcome.key: outcome for outcome in OUTCOMES}


def in_words(
    labels: Sequence[str], configuration: pd.DataFrame, outcome: pd.DataFrame
) -> list[str]:
    """Plain sentences.

    Args:
        labels: Of the runs.
        configuration, outcome: Of the :class:`~ami_console.runs.Comparison`.
    """
    differs = configuration[configuration["differs"].fillna(False)]
    more = outcome[outcome["verdict"] == "more than noise"].to_dict("records")
    lines = []
    if len(differs):
        named = [
            f"{_TITLES[row['setting']]} ({listed([value_of(row, row[x]) for x in labels])})"
            for row in differs.to_dict("records")
        ]
        lines.append(f"They differ in {listed(named)}.")
    lines += [_sentence(row) for row in more]
    if not more:
        lines.append(
            "No outcome differs by more than noise."
            if len(differs)
            else "Nothing differs by more than noise."
        )
    return [*lines, *_open(configuration, outcome)]


def value_of(row: dict[str, Any], value: Any) -> str:
    """A setting's or outcome's value with its unit; ``not known``."""
    if value is None or pd.isna(value):
        return "not known"
    if row["unit"] == "s":
        return seconds(float(value))
    if row["unit"] == "images/min":
        return f"{rate(float(value))}/min"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


def change_of(row: dict[str, Any]) -> str:
    """``23 % higher``, ``12.4 times as long``, ``8 more``; empty where there is none."""
    outcome = _OUTCOMES[row["outcome"]]
    if pd.isna(row["other_value"]) or pd.isna(row["first_value"]):
        return ""
    if not outcome.unit:
        apart = row["other_value"] - row["first_value"]
        return f"{abs(apart):,.0f} {outcome.more if apart > 0 else outcome.less}" if apart else ""
    if pd.isna(row["ratio"]):
        return ""
    return f"{_by(row['ratio'])} {outcome.more if row['ratio'] >= 1 else outcome.less}"


def interval_of(row: dict[str, Any]) -> str:
    """``15 … 31 %``: how much more the other has, less than nothing where it has less."""
    if pd.isna(row["low_ratio"]):
        return ""
    ends = [100 * (row[name] - 1) for name in ("low_ratio", "high_ratio")]
    if row["ratio"] < 1:
        ends = [-end for end in reversed(ends)]
    low, high = (f"{end:.0f}".replace("-", "−") for end in ends)
    return f"{low.replace('−0', '0')} … {high.replace('−0', '0')} %"


def listed(texts: Sequence[str]) -> str:
    """Several as one: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(texts[:-1]), texts[-1]) if part)


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]


def _by(ratio: float) -> str:
    return f"{abs(ratio - 1):.0%}".replace("%", " %")


def _sentence(row: dict[str, Any]) -> str:
    outcome = _OUTCOMES[row["outcome"]]
    values = f"{value_of(row, row['first_value'])} and {value_of(row, row['other_value'])}"
    if not outcome.unit:
        return (
            f"{outcome.title}: {values}, {change_of(row)} in {row['other']} than in "
            f"{row['first']} ({row['why']}), more than noise."
        )
    return (
        f"{outcome.title} is {change_of(row)} in {row['other']} than in {row['first']} "
        f"({values}; 95 % interval {interval_of(row)}), more than noise."
    )


def _open(configuration: pd.DataFrame, outcome: pd.DataFrame) -> list[str]:
    """What can't be told."""
    lines = []
    unknown = configuration[configuration["differs"].isna()]
    if len(unknown):
        named = listed([_TITLES[key] for key in unknown["setting"]])
        lines.append(f"Not known of all: {named}.")
    known = outcome["first_value"].notna() | outcome["other_value"].notna()
    unsure = outcome[(outcome["verdict"] == "can't tell") & known]
    for (other, why), rows in unsure.groupby(["other", "why"], sort=False):
        titles = [_lower(_OUTCOMES[key].title) for key in rows["outcome"]]
        lines.append(f"Can't tell whether {other} differs in {listed(titles)}: {why}.")
    return lines
