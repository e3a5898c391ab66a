"""Rows of the table of jobs: plain numbers and texts, and what of them has to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ami_console.apps.findings_rows import Worst
from ami_console.apps.fleet_details import Details
from ami_console.charts import WallClock
from ami_console.instants import NS_PER_S
from ami_console.metrics.minute_rates import MINUTE_NS, MINUTES
from ami_console.plain_text import one_line

DIGITS: Mapping[str, int] = {
    "processed": 0,
    "total": 0,
    "progress": 4,
    "failed": 0,
    "lost_low": 0,
    "lost_high": 0,
    "acked_per_min": 2,
    "eta_low_s": 0,
    "eta_high_s": 0,
    "num_pending": 0,
    "num_ack_pending": 0,
    "oldest_s": 0,
    "oldest_is_bound": 0,
    "attempts_low": 0,
    "attempts_high": 0,
    "redeliveries_total": 0,
    "latency_p50_s": 2,
    "estimated": 0,
    "last_s": 0,
    "started_s": 0,
}
"""Numbers, and how many decimals of them are shown: more would be sent for nothing."""

TEXTS = ("name", "project", "pipeline", "status", "finding_code")

SENT = ("job_id", *TEXTS, "finding", "finding_more", *DIGITS)
"""Cells of a row in the order in which the browser gets them; the rates come after them."""

Cells = list[Any]


@dataclass(frozen=True, kw_only=True)
class FleetRows:
    """What the table shows of one instant.

    Attributes:
        frame: One row per job: ``SENT``, NaN missing; instants ``…_s`` since the epoch, but
            ``started_s`` as wall time.
        rates: Job → images per minute in the last minutes, ``None`` missing.
        as_of: The instant that ages count from.
    """

    frame: pd.DataFrame
    rates: Mapping[int, Cells]
    as_of: pd.Timestamp

    @property
    def minute(self) -> int:
        """The last minute of the rates, since the epoch."""
        return int(self.as_of.value // MINUTE_NS)

    @cached_property
    def order(self) -> list[int]:
        """The jobs from the first row on."""
        return [int(job_id) for job_id in self.frame["job_id"]]

    @cached_property
    def cells(self) -> dict[int, Cells]:
        """Job → its cells as they are sent, missing as ``None``; computed once for all pages."""
        columns = [
            self.frame[name].tolist() if name in TEXTS else _numbers(self.frame[name].to_numpy())
            for name in SENT
        ]
        return dict(zip(self.order, map(list, zip(*columns, strict=True)), strict=True))


def rows_of(
    fleet: pd.DataFrame,
    *,
    zone: ZoneInfo,
    as_of: pd.Timestamp,
    worst: Mapping[int, Worst] | None = None,
    details: Details | None = None,
) -> FleetRows:
    """What the table is given, one row per job.

    Args:
        fleet: :func:`ami_console.metrics.fleet`.
        zone: Zone of the wall time.
        as_of: Its instant.
        worst: The worst that is found of each job; ``None``: nothing was judged.
        details: Of the same fleet; ``None``: nothing is known of them.
    """
    rows = pd.DataFrame({"job_id": fleet["job_id"].to_numpy("int64")})
    for column in ("name", "project", "pipeline", "status"):
        rows[column] = [one_line(text) for text in fleet[column].fillna("")]
    rows["name"] = rows["name"].replace("", "not named")
    found = [(worst or {}).get(job_id) for job_id in rows["job_id"]]
    rows["finding_code"] = [each.code if each else "" for each in found]
    rows["finding"] = [_rank(job_id, worst) for job_id in rows["job_id"]]
    rows["finding_more"] = np.array([each.others if each else 0 for each in found], dtype="int64")
    values = {
        **fleet,
        # Cut, not rounded: 19 999 of 20 000 is not all of them.
        "progress": (progress_ratio(fleet) * 10_000 + 1e-6) // 1 / 10_000,
        "estimated": fleet["latency_is_estimate"],
        "started_s": _wall_s(fleet["started_at"], WallClock.of(zone, as_of)),
        **({} if details is None else _of_details(details.rows, fleet["job_id"])),
    }
    for column, digits in DIGITS.items():
        rows[column] = _floats(values[column], digits) if column in values else np.nan
    rates = {} if details is None else _rates(details.rates)
    return FleetRows(frame=rows, rates=rates, as_of=as_of)


def _of_details(rows: pd.DataFrame, job_ids: "pd.Series[Any]") -> dict[str, Any]:
    # By their numbers: news may have come in between, and a job with it.
    rows = rows.set_index("job_id").reindex(pd.Index(job_ids))
    told = {
        "oldest_s": _seconds(rows["oldest_in_flight_at"]),
        "last_s": _seconds(rows["last_result_at"]),
    }
    return {**rows.reset_index(drop=True), **told}


def _seconds(instants: "pd.Series[Any]") -> "pd.Series[Any]":
    since = pd.Series(instants.array.asi8 / NS_PER_S, index=instants.index)
    return since.where(instants.notna())


def _wall_s(instants: "pd.Series[Any]", clock: WallClock) -> "pd.Series[Any]":
    wall = pd.Series(clock.milliseconds(instants), index=instants.index) / 1_000
    return wall.where(instants.notna())


def _floats(column: "pd.Series[Any]", digits: int) -> Any:
    return column.to_numpy("float64", na_value=np.nan).round(digits)


def _rank(job_id: int, worst: Mapping[int, Worst] | None) -> float:
    """For sorting, 0 for a job of which nothing is found."""
    if worst is None:
        return float("nan")
    return worst[job_id].rank if job_id in worst else 0.0


def progress_ratio(fleet: pd.DataFrame) -> "pd.Series[Any]":
    """Processed of total, 0–1; missing unless both are known."""
    total = fleet["total"].astype("Float64")
    return (fleet["processed"] / total.where(total > 0)).astype("Float64")


def _rates(rates: pd.DataFrame) -> dict[int, Cells]:
    values = rates.to_numpy("float64", na_value=np.nan).round(1)
    jobs = rates.index.to_numpy("int64")
    return {int(job): _numbers(row) for job, row in zip(jobs, values, strict=True)}


def _numbers(values: Any) -> Cells:
    """Plain numbers, whole ones without a point, missing as ``None``."""
    return [
        None if value != value else int(value) if value == int(value) else value  # noqa: PLR0124 - NaN
        for value in values.tolist()
    ]


NO_RATES: Cells = [None] * MINUTES


def difference(before: FleetRows | None, now: FleetRows) -> dict[str, Any]:
    """What a browser that shows one instant has to be told to show another; empty: nothing.

    Args:
        before: What it shows; ``None``: nothing.
        now: What it is to show.

    Returns:
        ``order`` of the jobs if that differs; ``rows`` that are new, ``cells`` that differ
        (job → place, value, place, value …) and ``rates`` that do (job → minute, value …).
    """
    held = {} if before is None else before.cells
    told: dict[str, Any] = {}
    if before is None or before.order != now.order:
        told["order"] = now.order
    rows, cells, rates = [], {}, {}
    for job_id, mine in now.cells.items():
        old = held.get(job_id)
        if old is None:
            rows.append([*mine, now.rates.get(job_id, NO_RATES)])
            continue
        if old != mine:
            pairs = enumerate(zip(old, mine, strict=True))
            cells[job_id] = [part for i, (was, new) in pairs if was != new for part in (i, new)]
        if before is not None and (moved := _moved(before, now, job_id)):
            rates[job_id] = moved
    found = {"rows": rows, "cells": cells, "rates": rates}
    return told | {name: value for name, value in found.items() if value}


def _moved(before: FleetRows, now: FleetRows, job_id: int) -> Cells:
    """Minutes whose rate differs, each with it."""
    new, old = now.rates.get(job_id, NO_RATES), before.rates.get(job_id, NO_RATES)
    by = now.minute - before.minute
    if by == 0 and new == old:
        return []
    first = now.minute - len(new) + 1
    shifted = [old[i + by] if 0 <= i + by < len(old) else None for i in range(len(new))]
    pairs = enumerate(zip(shifted, new, strict=True))
    return [part for i, (was, value) in pairs if was != value for part in (first + i, value)]
