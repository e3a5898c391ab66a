"""How often the broker delivers again: per job and week, and per pipeline and week."""

import numpy as np
import pandas as pd

from ami_console import frames
from ami_console.frames import FrameSource
from ami_console.many.summary_row import last_known
from ami_console.metrics import timeline

WEEKS: dict[str, str] = {
    "pipeline": frames.TEXT,
    "week": frames.TIME,
    "images": frames.COUNT,
    "redeliveries": frames.COUNT,
}

BY_WEEK: dict[str, str] = {
    "pipeline": frames.TEXT,
    "week": frames.TIME,
    "jobs": frames.COUNT,
    "images": frames.COUNT,
    "redeliveries": frames.COUNT,
    "redeliveries_per_1000_images": frames.MEASURE,
}


def redeliveries(source: FrameSource, job_id: int) -> pd.DataFrame:
    """Images handed out and redeliveries of a job, week by week.

    Both are what the counters of the job's consumer grew by from look to look, from 0 on where
    the stream is a new one or a counter fell: the consumer was made anew. (A server that was
    restarted gives it another creation time, and its counters go on.) A week without a look has
    no row: what happened in it counts for the week of the next look.

    Args:
        source: Live history or a recording.
        job_id: The job.

    Returns:
        One row per week with a look at the consumer, one row of missing values without any: the
        columns of ``WEEKS``. ``pipeline`` as last recorded, ``week`` the Monday that it begins
        on (00:00 UTC), ``images`` delivered for the first time, ``redeliveries`` deliveries of
        an image that had been delivered before.

    Source:
        JetStream ``delivered.stream_seq`` and ``delivered.consumer_seq``.
    """
    pipeline = last_known(source.frame("jobs", job_id=job_id), "pipeline")
    consumers = source.frame("consumers", job_id=job_id)
    line = timeline(consumers)[["observed_at", "redeliveries_total"]]
    looks = consumers.drop_duplicates("observed_at", keep="last").merge(line, on="observed_at")
    looks = looks[looks["redeliveries_total"].notna()]
    counters = looks[["delivered_stream_seq", "delivered_consumer_seq", "redeliveries_total"]]
    before = counters.groupby(looks["stream_created_at"], dropna=False).shift()
    fell = counters["delivered_stream_seq"] < before["delivered_stream_seq"]
    fell |= counters["delivered_consumer_seq"] < before["delivered_consumer_seq"]
    grown = counters - before.mask(fell.fillna(False)).fillna(0)
    weeks = pd.DataFrame(
        {
            "week": _monday(looks["observed_at"]),
            "images": grown["delivered_stream_seq"],
            "redeliveries": grown["redeliveries_total"],
        }
    )
    weeks = weeks.groupby("week", as_index=False).sum()
    weeks = weeks if len(weeks) else weeks.reindex([0])
    return weeks.assign(pipeline=pd.array([pipeline] * len(weeks), dtype=frames.TEXT))[
        list(WEEKS)
    ].astype(WEEKS)


def by_week(rows: pd.DataFrame) -> pd.DataFrame:
    """Which pipeline redelivers most, week by week.

    Args:
        rows: :func:`~ami_console.many.per_job` of :func:`redeliveries`.

    Returns:
        One row per week and pipeline, newest week first, in it the pipeline that redelivers most
        first: the columns of ``BY_WEEK``. ``jobs`` that were looked at in the week. Jobs of
        which nothing was known come last, without a week: their counts are missing, not 0.
    """
    if "week" not in rows:
        return pd.DataFrame({name: pd.array([], dtype=dtype) for name, dtype in BY_WEEK.items()})
    rows = rows.dropna(subset=["job_id"])  # a recording that could not be read has no job
    known = rows.groupby(["week", "pipeline"], dropna=False)
    table = known[["images", "redeliveries"]].sum(min_count=1)
    table["jobs"] = known["job_id"].nunique()
    images = table["images"].to_numpy(dtype="float64", na_value=np.nan)
    again = table["redeliveries"].to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(images > 0, again / images * 1000.0, np.nan)
    table["redeliveries_per_1000_images"] = pd.array(ratio, dtype=frames.MEASURE)
    table = table.reset_index().sort_values(
        ["week", "redeliveries_per_1000_images", "pipeline"],
        ascending=[False, False, True],
        na_position="last",
        ignore_index=True,
    )
    return table[list(BY_WEEK)].astype(BY_WEEK)


def _monday(instants: pd.Series) -> pd.Series:
    """Midnight (UTC) of the Monday before."""
    midnight = instants.dt.floor("D")
    return midnight - pd.to_timedelta(midnight.dt.day_of_week, unit="D")
