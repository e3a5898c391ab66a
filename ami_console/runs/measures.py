"""What of two runs is compared: settings, and outcomes with the values that they are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ami_console.metrics.arrays import Floats, floats, seconds
from ami_console.runs.run import RunData

MOST_BLOCKS = 40
FEWEST_IMAGES = 4

WAITS = "images of a run wait for each other, so this follows from throughput"
ONE_VALUE = "one value per run; throughput says whether it is more than noise"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Something that was set before a run, as it was seen.

    Attributes:
        key: Of the row.
        title: For people, in the middle of a sentence.
        unit: Behind a number of it.
        of: Its value in a run; ``None`` not known.
        nearly: Whether two different values may be the same one, seen with its error.
    """

    key: str
    title: str
    unit: str = ""
    of: Callable[[RunData], Any]
    nearly: Callable[[RunData, RunData], bool] = lambda _, __: False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The values that an outcome is made of, in the order in which they came.

    Attributes:
        values: Positive.
        what: What one of them is of, several.
        error: How far off such a value usually is.
    """

    values: Floats
    what: str
    error: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Something that came out of a run.

    Attributes:
        key: Of the row.
        title: At the beginning of a sentence.
        unit: Behind a number of it.
        of: Its value in a run; ``None`` not known.
        more, less: What the other run's is when its ratio is above 1 and below.
        sample: What it is made of, where that can be told from chance.
        middle: What of the sample is compared: ``median`` or ``mean``.
        is_inverse: Whether the outcome falls as the values of the sample rise.
        counted: How often it came, of how many that are independent of each other.
        why_not: Why chance is not asked.
    """

    key: str
    title: str
    unit: str
    of: Callable[[RunData], float | None]
    more: str = "longer"
    less: str = "shorter"
    sample: Callable[[RunData], Sample] | None = None
    middle: str = "median"
    is_inverse: bool = False
    counted: Callable[[RunData], tuple[int, int] | None] | None = None
    why_not: str = ""


def _workers(run: RunData) -> int | None:
    return run.told.pace.workers if run.told.pace else None


def _about_as_many(first: RunData, other: RunData) -> bool:
    """Workers are counted by how busy they were: half of one more may be none."""
    paces = first.told.pace, other.told.pace
    if paces[0] is None or paces[1] is None:
        return False
    return abs(paces[0].at_once - paces[1].at_once) < 0.5


SETTINGS: tuple[Setting, ...] = (
    Setting(key="batch_size", title="batch size", of=lambda run: run.told.batch_size),
    Setting(key="workers", title="workers", of=_workers, nearly=_about_as_many),
    Setting(key="ack_wait_s", title="ack wait", unit="s", of=lambda run: run.told.ack_wait_s),
    Setting(key="max_deliver", title="max_deliver", of=lambda run: run.max_deliver),
    Setting(
        key="max_ack_pending", title="max_ack_pending", of=lambda run: run.told.max_ack_pending
    ),
    Setting(key="images", title="images", of=lambda run: run.told.images),
    Setting(key="pipeline", title="pipeline", of=lambda run: run.pipeline),
)


def _throughput(run: RunData) -> float | None:
    pace = run.told.pace
    return pace.throughput_per_min if pace else run.numbers["throughput_per_min"]


def _paces(run: RunData) -> Sample:
    """Seconds per image of one group of whole batches after another."""
    acked_s = seconds(run.settled, "acked_at")
    pace = run.told.pace
    size = (run.told.batch_size or FEWEST_IMAGES) * (pace.workers if pace else 1)
    size *= max(1, len(acked_s) // (size * MOST_BLOCKS))
    edges = acked_s[size - 1 :: size]
    each = np.diff(edges) / size
    return Sample(values=each[each > 0], what="groups of batches")


def _batch_sample(column: str, error: str | None, *, per_image: bool = False) -> Any:
    def of(run: RunData) -> Sample:
        values = floats(run.batches, column)
        by = floats(run.batches, "images") if per_image else np.ones(len(values))
        known = ~np.isnan(values) & (values > 0) & (by > 0)
        off = floats(run.batches, error)[known] / by[known] if error else _off(run)
        return Sample(
            values=(values / by)[known],
            what="batches",
            error=float(np.nanmedian(off)) if len(off) and not np.isnan(off).all() else 0.0,
        )

    return of


def _off(run: RunData) -> Floats:
    """How far off a post is: the log's resolution."""
    return floats(run.settled, "posted_error_s") + np.nan_to_num(
        floats(run.settled, "acked_error_s")
    )


def _median_of(sample: Callable[[RunData], Sample]) -> Callable[[RunData], float | None]:
    def of(run: RunData) -> float | None:
        values = sample(run).values
        return float(np.median(values)) if len(values) else None

    return of


def _duration(run: RunData) -> float | None:
    last = run.settled["acked_at"].max() if len(run.settled) else None
    if last is None or run.told.left != 0:
        return None
    took_s = float((last - run.began_at).total_seconds())
    return None if np.isnan(took_s) else took_s


def _spread(name: str, mark: str) -> Callable[[RunData], float | None]:
    return lambda run: run.numbers[name][mark]


def _number(name: str) -> Callable[[RunData], float | None]:
    return lambda run: run.numbers[name]


def _came_back(run: RunData) -> tuple[int, int] | None:
    """Batches of which images came back, of all: a worker that dies loses a whole batch."""
    if run.batches.empty:
        return None
    return int((run.batches["came_back"] > 0).sum()), len(run.batches)


def _by_batch(name: str) -> Callable[[RunData], tuple[int, int] | None]:
    """Images counted as if those of one batch shared their fate: the most careful way."""

    def of(run: RunData) -> tuple[int, int] | None:
        images, count, size = run.told.images, run.numbers[name], run.told.batch_size
        if not images or count is None or not size:
            return None
        tries = max(1, round(images / size))
        return min(tries, round(count / size)), tries

    return of


_BATCH_TIME = _batch_sample("batch_time_s", "batch_time_error_s")
_IMAGE_TIME = _batch_sample("batch_time_s", "batch_time_error_s", per_image=True)
_WORKER_TIME = _batch_sample("worker_time_s", None)
_SAVE_TIME = _batch_sample("save_time_s", None)

OUTCOMES: tuple[Outcome, ...] = (
    Outcome(key="duration_s", title="The duration", unit="s", of=_duration, why_not=ONE_VALUE),
    Outcome(
        key="throughput_per_min",
        title="Throughput",
        unit="images/min",
        of=_throughput,
        more="higher",
        less="lower",
        sample=_paces,
        middle="mean",
        is_inverse=True,
    ),
    Outcome(
        key="batch_time_s",
        title="The time of a batch",
        unit="s",
        of=_median_of(_BATCH_TIME),
        sample=_BATCH_TIME,
    ),
    Outcome(
        key="time_per_image_s",
        title="The time per image",
        unit="s",
        of=_median_of(_IMAGE_TIME),
        sample=_IMAGE_TIME,
    ),
    Outcome(
        key="worker_time_s",
        title="The worker's time with a batch",
        unit="s",
        of=_median_of(_WORKER_TIME),
        sample=_WORKER_TIME,
    ),
    Outcome(
        key="save_time_s",
        title="The time to save",
        unit="s",
        of=_median_of(_SAVE_TIME),
        sample=_SAVE_TIME,
    ),
    *(
        Outcome(key=f"{name[:-2]}_{mark}_s", title=title, unit="s", of=_spread(name, mark),
                why_not=WAITS)
        for name, mark, title in (
            ("queue_wait_s", "p50", "The wait in the queue (median)"),
            ("latency_s", "p50", "Latency (median)"),
            ("latency_s", "p95", "Latency (95th percentile)"),
        )
    ),
    Outcome(
        key="redeliveries",
        title="Redeliveries",
        unit="",
        of=_number("redeliveries"),
        more="more",
        less="fewer",
        counted=_came_back,
    ),
    Outcome(
        key="failed",
        title="Failed images",
        unit="",
        of=_number("failed"),
        more="more",
        less="fewer",
        counted=_by_batch("failed"),
    ),
    Outcome(
        key="lost",
        title="Lost images",
        unit="",
        of=_number("lost"),
        more="more",
        less="fewer",
        counted=_by_batch("lost"),
    ),
)  # fmt: skip
