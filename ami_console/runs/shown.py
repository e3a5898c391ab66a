"""A comparison as HTML, for a notebook."""

from collections.abc import Sequence

import pandas as pd

from ami_console import markup
from ami_console.runs.measures import OUTCOMES, SETTINGS
from ami_console.runs.words import change_of, interval_of, listed, value_of

_MARKS = {
    "more than noise": ("≠", "warn"),
    "within noise": ("=", "muted"),
    "can't tell": ("?", "muted"),
}


def card(
    labels: Sequence[str],
    configuration: pd.DataFrame,
    outcome: pd.DataFrame,
    sentences: Sequence[str],
) -> str:
    """The sentences, what was set, and what came out of each other run.

    Args:
        labels: Of the runs.
        configuration, outcome: Of the :class:`~ami_console.runs.Comparison`.
        sentences: In words.
    """
    parts = [markup.paragraph(line) for line in sentences]
    parts.append(_settings(labels, configuration))
    parts += [_outcomes(str(other), rows) for other, rows in outcome.groupby("other", sort=False)]
    return markup.card(" against ".join((" and ".join(labels[1:]), labels[0])), *parts)


def _settings(labels: Sequence[str], configuration: pd.DataFrame) -> markup.Html:
    titles = {setting.key: setting.title for setting in SETTINGS}
    says = {True: markup.state("differs", "≠", "warn"), False: "the same"}
    rows = [
        {
            "setting": titles[row["setting"]],
            **{label: value_of(row, row[label]) for label in labels},
            "alike": "not known" if pd.isna(row["differs"]) else says[bool(row["differs"])],
        }
        for row in configuration.to_dict("records")
    ]
    return markup.table(rows, numbers=labels, caption="What was set, as far as it was seen")


def _outcomes(other: str, outcome: pd.DataFrame) -> markup.Html:
    titles = {each.key: each.title for each in OUTCOMES}
    first = str(outcome["first"].iloc[0])
    known = outcome[outcome["first_value"].notna() | outcome["other_value"].notna()]
    rows = []
    for row in known.to_dict("records"):
        verdict = str(row["verdict"])
        is_judged = verdict in _MARKS
        rows.append(
            {
                "outcome": titles[row["outcome"]],
                first: value_of(row, row["first_value"]),
                other: value_of(row, row["other_value"]),
                "change": change_of(row),
                "95 % interval": interval_of(row),
                "verdict": markup.state(verdict, *_MARKS[verdict]) if is_judged else verdict,
                "by": row["why"] if is_judged else "",
            }
        )
    numbers = (first, other, "change", "95 % interval")
    apart = known.loc[~known["verdict"].isin(list(_MARKS)), ["outcome", "why"]]
    notes = [
        f"{listed([titles[key] for key in mine['outcome']])}: {why}."
        for why, mine in apart.groupby("why", sort=False)
    ]
    table = markup.table(rows, numbers=numbers, caption=f"What came out of {other}")
    return markup.joined([table, *(markup.paragraph(note, dim=True) for note in notes)])
