"""What was known of one job at each tick: the last value of everything, and when it last moved."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ami_console.diagnosis.finding import Evidence, Finding
from ami_console.diagnosis.looks import BROKER, STATUS, JobLooks, SourceLooks
from ami_console.diagnosis.rules import Rules
from ami_console.diagnosis.truth import Truth, all_of
from ami_console.metrics.arrays import Columns, Flags, Floats
from ami_console.metrics.settled import usual_pause_s

FRESH_S = 15.0
"""A value that was read longer ago than this, and than four usual pauses, is not known now."""

UNKNOWN_JOB_FRESH_S = 90.0
"""A job that Antenna does not know is asked for again with the next list only."""

PARTS: Mapping[str, tuple[str, str]] = {
    # name on the sheet: part, column
    **{column: ("consumers", column) for column in BROKER},
    "redis_total": ("counters", "total"),
    "redis_pending_process": ("counters", "pending_process"),
    "redis_pending_results": ("counters", "pending_results"),
    "redis_failed": ("counters", "failed"),
    "rest_total": ("collect", "total"),
    "rest_processed": ("process", "processed"),
    "rest_remaining": ("process", "remaining"),
    "rest_failed": ("process", "failed"),
    "rest_results_ratio": ("results", "progress_ratio"),
    **{column: ("jobs", column) for column in STATUS},
}

SOURCE_OF = {"consumers": "nats", "counters": "redis"}
"""Which source tells a part; all others come from Antenna."""


class Sheet:
    """One job's values at each tick.

    Ticks are the instants at which something of the job was read or could not be read, and the
    instant judged at. ``sheet["num_pending"]`` is a float per tick, NaN where it is unknown:
    never read, or read too long ago. Times are seconds since the epoch on our clock; those that
    the broker tells are moved from its clock to ours.

    Attributes:
        looks: The job.
        at_s: The ticks.
        rules: What the platform does by itself.
        mates: Sheets of the other jobs of the same pipeline.
        held: Code → where the condition of a check holds, once it was reckoned.
        standing: Code → what was found at the instant before, where the ticks do not reach back.
    """

    def __init__(
        self,
        looks: JobLooks,
        sources: Mapping[str, SourceLooks],
        *,
        as_of: pd.Timestamp,
        rules: Rules,
        queues: pd.DataFrame | None = None,
    ) -> None:
        self.looks = looks
        self._queues = queues
        self.rules = rules
        self.mates: Sequence[Sheet] = ()
        self.standing: dict[str, Finding] = {}
        self.held: dict[str, Any] = {}
        self._sources = sources
        self._values: dict[str, Floats] = {}
        self._places: dict[str, Any] = {}
        self._earlier: dict[float, Any] = {}
        self._of_others: dict[Sheet, Any] = {}
        self._failing: dict[str, Floats] = {}
        self.at_s = self._ticks(as_of.value / 1e9)

    def _ticks(self, as_of_s: float) -> Floats:
        seen = [part["observed_at"] for part in self.looks.parts.values()]
        first = min(float(at_s[0]) for at_s in seen)
        failed = [each.failed_s for name, each in self._sources.items() if name in READ_FOR_JOBS]
        every = np.concatenate([*seen, *(f[f >= first] for f in failed), [as_of_s]])
        return np.unique(every[every <= as_of_s])

    def __getitem__(self, name: str) -> Floats:
        if name not in self._values:
            part, column = PARTS[name]
            self._values[name] = self._gathered(part, column)
        return self._values[name]

    def _gathered(self, part: str, column: str) -> Floats:
        rows = self.looks.parts.get(part)
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        place, fresh = self._place(part, rows)
        return np.where(fresh, rows[column][place], np.nan)

    def _place(self, part: str, rows: Columns) -> tuple[Any, Any]:
        """Row that each tick goes by, and whether it is fresh enough."""
        if part not in self._places:
            observed_s = rows["observed_at"]
            place = np.searchsorted(observed_s, self.at_s, side="right") - 1
            age_s = self.at_s - observed_s[place]
            limit_s = np.full(len(observed_s), max(FRESH_S, 4.0 * usual_pause_s(observed_s)))
            if part == "jobs":
                limit_s[rows["is_known"] == 0] = UNKNOWN_JOB_FRESH_S
                limit_s[rows["is_final"] == 1] = np.inf  # it is not read again
            elif part not in SOURCE_OF and "jobs" in self.looks.parts:
                jobs = self.looks.parts["jobs"]
                ended = np.searchsorted(jobs["observed_at"], observed_s, side="right") - 1
                limit_s[jobs["is_final"][np.maximum(ended, 0)] == 1] = np.inf
            self._places[part] = np.maximum(place, 0), (place >= 0) & (age_s <= limit_s[place])
        return self._places[part]

    def read_s(self, part: str) -> Floats:
        """When the row that each tick goes by was read; NaN without one."""
        rows = self.looks.parts.get(part)
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        place = np.searchsorted(rows["observed_at"], self.at_s, side="right") - 1
        return np.where(place >= 0, rows["observed_at"][np.maximum(place, 0)], np.nan)

    @cached_property
    def active(self) -> Truth:
        """Whether Antenna says now that the job runs, and over NATS."""
        return all_of(self["is_active"], self["is_queued_by_nats"])

    @cached_property
    def in_work(self) -> Truth:
        """Whether the job should be moving: it runs, or did before Antenna fell silent, and its
        stream is there. A job that ends takes its stream along, whether Antenna can tell or not.
        """
        last = self._last("is_active") * self._last("is_queued_by_nats")
        silent = ~np.isnan(self.failing_s("antenna"))
        return all_of(np.where(silent, last, self.active), self["stream_exists"])

    def _last(self, name: str) -> Floats:
        """The last value that was read, however old."""
        part, column = PARTS[name]
        rows = self.looks.parts.get(part)
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        place, _ = self._place(part, rows)
        return np.where(self.at_s >= rows["observed_at"][0], rows[column][place], np.nan)

    @cached_property
    def counters_exist(self) -> Truth:
        """Whether Redis has the job's total; unknown where it was not read lately."""
        rows = self.looks.parts.get("counters")
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        _, fresh = self._place("counters", rows)
        return np.where(fresh, ~np.isnan(self["redis_total"]), np.nan)

    @cached_property
    def is_over(self) -> Flags:
        """Whether the job is final: nothing of it will move again."""
        return self["is_final"] == 1.0

    @cached_property
    def settled(self) -> Floats:
        """Images that the broker holds for done, as a count; NaN unknown."""
        given_up = np.maximum(0.0, self["num_redelivered"] - self["num_ack_pending"])
        return self["delivered_stream_seq"] - self["num_ack_pending"] - given_up

    @cached_property
    def redeliveries(self) -> Floats:
        """Redeliveries since the stream was made."""
        return self["delivered_consumer_seq"] - self["delivered_stream_seq"]

    @cached_property
    def delivered_s(self) -> Floats:
        """When a message was last handed out; NaN where none ever was, or nobody can tell."""
        return self._moved("delivered_consumer_seq", "delivered_last_active")

    @cached_property
    def settled_s(self) -> Floats:
        """When an acknowledgement last came in; NaN where none ever did, or nobody can tell."""
        rows = self.looks.parts.get("consumers")
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        given_up = np.maximum(0.0, rows["num_redelivered"] - rows["num_ack_pending"])
        settled = rows["delivered_stream_seq"] - rows["num_ack_pending"] - given_up
        return self._spread(rows, _rises(rows, settled), rows["ack_floor_last_active"])

    @cached_property
    def published_s(self) -> Floats:
        """When messages were last added; when the stream was made, if that was not seen."""
        return self._moved("last_seq", "stream_created_at")

    @cached_property
    def saved_s(self) -> Floats:
        """When Redis last let go of an image that was saved; NaN if that was never seen."""
        rows = self.looks.parts.get("counters")
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        return self._spread(rows, _rises(rows, -rows["pending_results"]), None)

    def _moved(self, column: str, told: str) -> Floats:
        rows = self.looks.parts.get("consumers")
        if rows is None:
            return np.full(len(self.at_s), np.nan)
        return self._spread(rows, _rises(rows, rows[column]), rows[told])

    def _spread(self, rows: Columns, rose: Any, told_s: Floats | None) -> Floats:
        """At each tick the latest instant of a look at which something rose, or that was told.

        A look shows that it happened after the look before; what is told is exact, where it lies
        between the two.
        """
        seen_s = np.where(rose, rows["observed_at"], np.nan)
        if told_s is not None:
            ours = told_s + (rows["observed_at"] - rows["server_at"])
            told = np.where(np.isnan(ours), told_s, ours)
            before = np.append(-np.inf, rows["observed_at"][:-1])
            exact = rose & (told > before)
            seen_s = np.where(exact, np.nan, seen_s)
            seen_s = np.fmax(seen_s, told)
        latest = np.fmax.accumulate(seen_s)
        place = np.searchsorted(rows["observed_at"], self.at_s, side="right") - 1
        return np.where(place >= 0, latest[np.maximum(place, 0)], np.nan)

    def once(self, name: str, compute: "Callable[[Sheet], Floats]") -> Floats:
        """What is reckoned of this job for all of its mates, kept under a name."""
        if name not in self._values:
            self._values[name] = compute(self)
        return self._values[name]

    def before(self, values: Floats, span_s: float) -> Floats:
        """The values as they were so many seconds before each tick; NaN before the first."""
        if span_s not in self._earlier:
            place = np.searchsorted(self.at_s, self.at_s - span_s, side="right") - 1
            self._earlier[span_s] = np.maximum(place, 0), place >= 0
        place, known = self._earlier[span_s]
        return np.where(known, values[place], np.nan)

    def at(self, other: "Sheet", values: Floats) -> Floats:
        """Values of another job's sheet as of our ticks; NaN before its first."""
        if other not in self._of_others:
            place = np.searchsorted(other.at_s, self.at_s, side="right") - 1
            self._of_others[other] = np.maximum(place, 0), place >= 0
        place, known = self._of_others[other]
        return np.where(known, values[place], np.nan)

    def failing_s(self, source: str) -> Floats:
        """Since when a source can't be read, s since the epoch; NaN while it can."""
        if source not in self._failing:
            looks = self._sources.get(source)
            if looks is None or not len(looks.at_s):
                self._failing[source] = np.full(len(self.at_s), np.nan)
            else:
                place = np.searchsorted(looks.at_s, self.at_s, side="right") - 1
                since = looks.failing_since_s
                known = np.where(place >= 0, since[np.maximum(place, 0)], np.nan)
                self._failing[source] = known
        return self._failing[source]

    def evidence(self, tick: int, *names: str) -> list[Evidence]:
        """Values of the sheet at a tick, each with who told it and when."""
        found = []
        for name in names:
            part, column = PARTS[name]
            told = instant if column.endswith("_at") else number
            told = flag if column.endswith("_exists") else told
            found.append(
                Evidence(
                    name=name,
                    value=told(self[name][tick]),
                    source=SOURCE_OF.get(part, "antenna"),
                    observed_at=instant(self.read_s(part)[tick]),
                )
            )
        return found

    def instant_evidence(self, tick: int, name: str, instants_s: Floats) -> Evidence:
        """When something last happened, by the looks at the broker."""
        return Evidence(
            name=name,
            value=instant(instants_s[tick]),
            source="nats",
            observed_at=instant(self.read_s("consumers")[tick]),
        )

    def queue_evidence(self, tick: int) -> list[Evidence]:
        """Lengths of Celery's queues by then; nothing where they are not read."""
        if self._queues is None or self._queues.empty:
            return []
        now = pd.Timestamp(round(self.at_s[tick] * 1e9), tz="UTC")
        by_then = self._queues[self._queues["observed_at"] <= now]
        last = by_then.drop_duplicates("queue", keep="last")
        return [
            Evidence(
                name=f"{row['queue']}_{column}",
                value=None if pd.isna(row[column]) else int(row[column]),
                source="celery",
                observed_at=row["observed_at"],
            )
            for row in last.to_dict("records")
            for column in ("ready", "unacknowledged")
        ]

    def whole(self, name: str, tick: int) -> str:
        """A count for a sentence: ``1,234``, or ``an unknown number of``."""
        value = number(self[name][tick])
        return "an unknown number of" if value is None else f"{value:,}"


READ_FOR_JOBS = ("antenna", "nats", "redis")


def _rises(rows: Columns, values: Floats) -> Any:
    """Whether a counter rose since the look before; missing ones are passed over."""
    held = pd.Series(values).ffill().to_numpy()
    return np.append(False, held[1:] > held[:-1])


def number(value: float) -> int | float | None:
    """A float as JSON has it: whole ones as integers, NaN as ``None``."""
    if np.isnan(value):
        return None
    return int(value) if float(value).is_integer() else round(float(value), 3)


def flag(value: float) -> bool | None:
    """1 and 0 as JSON has them; NaN as ``None``."""
    return None if np.isnan(value) else bool(value)


def instant(at_s: float) -> pd.Timestamp | None:
    """Seconds since the epoch as an instant; NaN as ``None``."""
    return None if np.isnan(at_s) else pd.Timestamp(round(at_s * 1e6) * 1000, tz="UTC")
