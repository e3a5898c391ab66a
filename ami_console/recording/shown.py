"""What a recording shows of itself in a notebook."""

from collections.abc import Sequence

import pandas as pd

from ami_console.markup import Html, card, count, duration, instant, paragraph, status, table
from ami_console.recording.store import Damage

MOST = 25
"""Jobs that are shown, the newest first."""


def shown(
    paths: Sequence[str],
    *,
    first_at: pd.Timestamp | None,
    last_at: pd.Timestamp | None,
    jobs: Sequence[int],
    told: pd.DataFrame,
    damaged: Sequence[Damage],
) -> str:
    """Where it is, from when to when it reaches, which jobs are in it, and what is damaged.

    Args:
        paths: Where the recordings are.
        first_at: When the first row was observed.
        last_at: When the last row was observed.
        jobs: All jobs of which anything was recorded.
        told: The newest row of ``jobs`` of each job of which Antenna told.
        damaged: What could not be read.
    """
    parts = [paragraph(", ".join(paths), dim=True)]
    if first_at is None or last_at is None:
        return card("Recording", *parts, paragraph("Nothing has been recorded yet."))
    took = duration((last_at - first_at).total_seconds())
    parts.append(paragraph(f"{instant(first_at)} to {instant(last_at)}, {took}"))
    parts.append(_jobs(jobs, told))
    if damaged:
        rows = [{"left out": each.path, "why": each.reason} for each in damaged]
        parts.append(table(rows, caption="Damaged, and left out"))
    return card("Recording", *parts)


def _jobs(jobs: Sequence[int], told: pd.DataFrame) -> Html:
    rows = {int(r["job_id"]): r for r in told.dropna(subset=["job_id"]).to_dict("records")}
    unknown = dict.fromkeys(("name", "status", "started_at", "finished_at", "observed_at"))
    table_rows = []
    for job_id in sorted(jobs, reverse=True)[:MOST]:
        row = rows.get(job_id, unknown)
        table_rows.append(
            {
                "job": job_id,
                "name": row["name"],
                "status": status(row["status"]),
                "started": instant(row["started_at"]),
                "finished": instant(row["finished_at"]),
                "told by Antenna until": instant(row["observed_at"]),
            }
        )
    many = f"{count(len(jobs))} job{'' if len(jobs) == 1 else 's'}"
    more = f", the newest {MOST} of them" if len(jobs) > MOST else ""
    if not table_rows:
        return paragraph("No job is in it.")
    return table(table_rows, numbers=["job"], caption=many + more)
