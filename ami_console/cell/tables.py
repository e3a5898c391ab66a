"""Sources and jobs as tables and lines for a cell."""

import pandas as pd

from ami_console.markup import (
    Html,
    absent,
    count,
    duration,
    measure,
    paragraph,
    state,
    status,
    table,
)

MOST = 25
"""Jobs in a table."""


def sources_line(sources: pd.DataFrame) -> str:
    """``antenna ok, nats FAILED``: the last answer of each source.

    Args:
        sources: :func:`ami_console.metrics.source_ages`.
    """
    words = [
        f"{row['source']} {_word(row['ok'])}"
        for row in sources.to_dict("records")
        if not absent(row["ok"])
    ]
    return ", ".join(words) or "nobody has answered yet"


def _word(ok: bool) -> str:
    return "ok" if ok else "FAILED"


def sources_table(sources: pd.DataFrame) -> Html:
    """Whether each source answered, how old its last good answer is, and what it cost.

    Args:
        sources: :func:`ami_console.metrics.source_ages`.
    """
    rows = [
        {
            "source": row["source"],
            "answer": _answer(row["ok"]),
            "age": duration(row["age_s"]),
            "took": duration(row["elapsed_s"]),
            "requests": count(row["requests"]),
            "kB": "–" if absent(row["bytes"]) else measure(row["bytes"] / 1000),
            "says": "" if absent(row["error"]) else row["error"],
        }
        for row in sources.to_dict("records")
    ]
    return table(rows, numbers=["age", "took", "requests", "kB"], caption="Sources")


def _answer(ok: object) -> Html:
    if absent(ok):
        return state("not read", "?", "muted")
    return state("ok", "✓", "good") if ok else state("failed", "✕", "bad")


def jobs_table(fleet: pd.DataFrame) -> Html:
    """Jobs with what is known of each.

    Args:
        fleet: :func:`ami_console.metrics.fleet`.
    """
    rows = [
        {
            "job": row["job_id"],
            "name": row["name"],
            "status": status(row["status"]),
            "done": f"{count(row['processed'])} of {count(row['total'])}",
            "failed": count(row["failed"]),
            "backlog": count(row["num_pending"]),
            "in flight": count(row["num_ack_pending"]),
            "per min": measure(row["acked_per_min"]),
            "time left": duration(row["eta_s"]),
        }
        for row in fleet.head(MOST).to_dict("records")
    ]
    if not rows:
        return paragraph("No job is active, and none was lately.")
    numbers = ["job", "done", "failed", "backlog", "in flight", "per min", "time left"]
    shown = table(rows, numbers=numbers, caption="Jobs")
    if len(fleet) <= MOST:
        return shown
    return Html(shown + paragraph(f"and {len(fleet) - MOST} more: see .fleet()", dim=True))
