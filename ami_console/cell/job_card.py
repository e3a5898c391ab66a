"""What a job shows of itself in a cell."""

import pandas as pd

from ami_console.cell.found import Findings
from ami_console.cell.numbers import Numbers
from ami_console.markup import Html, card, instant, joined, pairs, paragraph, safe, status, table


def job_card(
    job_id: int,
    *,
    name: str | None,
    numbers: Numbers,
    found: Findings,
    verdicts: pd.DataFrame,
    as_of: pd.Timestamp | None,
) -> str:
    """Name, status, progress, what is wrong, and the numbers.

    Args:
        job_id: The job.
        name: What people call it.
        numbers: Its numbers.
        found: What is wrong with it and with the sources.
        verdicts: What was found so far, of which some is over.
        as_of: The instant that it is seen from.
    """
    title = f"Job {job_id}" + (f": {name}" if name else "")
    head = Html(f"<p>{status(numbers['status'])} {_bar(numbers)} {safe(numbers.progress)}</p>")
    return card(
        title,
        head,
        paragraph(found.headline()),
        found.html(),
        _earlier(verdicts),
        pairs(numbers.in_words()),
        paragraph(f"as of {instant(as_of)}", dim=True),
    )


def _bar(numbers: Numbers) -> Html:
    """How far it is; nothing where that is not known."""
    done, total = numbers["processed"], numbers["total"]
    if done is None or not total:
        return joined([])
    return Html(f'<progress value="{int(done)}" max="{int(total)}" aria-label="done"></progress>')


def _earlier(verdicts: pd.DataFrame) -> Html:
    """What was wrong and is over; what something else explained was not said."""
    over = verdicts[(verdicts["end"] != "stands") & verdicts["hidden_by"].isna()]
    rows = [
        {
            "finding": row["code"],
            "what it said": row["title"],
            "from": instant(row["since"]),
            "until": instant(row["ended_at"]),
        }
        for row in over.to_dict("records")
    ]
    return table(rows, caption="Earlier, and over")
