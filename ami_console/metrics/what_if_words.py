"""The sentences of a what-if."""

from typing import TYPE_CHECKING

import pandas as pd

from ami_console.metrics.ack_wait_risk import MARGIN

if TYPE_CHECKING:
    from ami_console.metrics.what_if import WhatIf, WithWorkers

FEW = 20
"""Fewer batches than this are called few."""

BUSY = 0.7
"""Workers that are busy for a smaller share of the time than this wait for something."""

_LIMITS = {
    "savers": "Antenna saves results more slowly than workers bring them",
    "max_ack_pending": "the broker holds images back at max_ack_pending",
}


def in_words(told: "WhatIf") -> list[str]:
    """Plain sentences, times in UTC."""
    return [
        *_batches(told),
        *_risk(told),
        *_safe(told),
        *_workers(told),
        *_end(told),
    ]


def seconds(value: float) -> str:
    """``0.42 s``, ``13.3 s``, ``41 s``, ``5 min 20 s``, ``2 h 05 min``."""
    if value < 1:
        return f"{value:.2g} s"
    if value < 20:
        return f"{value:.1f} s".replace(".0 s", " s")
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    if whole < 7_200:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"


def rate(per_min: float) -> str:
    """``4.2``, ``16``, ``1,240``: images per minute."""
    return f"{per_min:.2g}" if per_min < 10 else f"{per_min:,.0f}"


def _batches(told: "WhatIf") -> list[str]:
    if told.batch_time_p50_s is None or told.batch_time_max_s is None:
        return []
    of = f" of {told.batch_size} images" if told.batch_size else ""
    error_s = told.batch_time_error_s or 0.0
    off = f" (± {seconds(error_s)})" if error_s >= 0.1 else ""
    return [
        f"A batch{of} took {seconds(told.batch_time_p50_s)} from fetched to saved (median), the "
        f"longest {seconds(told.batch_time_max_s)}{off}."
    ]


def _risk(told: "WhatIf") -> list[str]:
    risk = told.risk
    if risk is None or told.ack_wait_s is None:
        return [f"How often a batch outlives the ack wait is not known: {told.why_not['risk']}."]
    wait = f"the ack wait of {seconds(told.ack_wait_s)}"
    few = "; these are few" if risk.batches < FEW else ""
    between = f"{_percent(risk.low_ratio)} to {_percent(risk.high_ratio)}"
    if not risk.over:
        batches = (
            f"None of {risk.batches} batches" if risk.batches > 1 else "The only batch did not"
        )
        verb = " outlived " if risk.batches > 1 else " outlive "
        return [
            f"{batches}{verb}{wait}: as far as these tell, up to {_percent(risk.high_ratio)} of "
            f"batches may (95 % interval{few})."
        ]
    said = (
        f"{risk.over} of {risk.batches} batches ({risk.images_over} of {risk.images} images) "
        f"outlived {wait}: {_percent(risk.over / risk.batches)} of batches (95 % interval "
        f"{between}{few})."
    )
    if not risk.unanswered:
        return [said]
    number = "One of them was" if risk.unanswered == 1 else f"{risk.unanswered} of them were"
    if risk.unanswered == risk.over:
        number = "It was" if risk.over == 1 else "They were"
    return [
        said,
        f"{number} not answered at all on that delivery: a longer ack wait would only have "
        "brought those images back later.",
    ]


def _safe(told: "WhatIf") -> list[str]:
    if told.safe is None:
        return [f"A safe ack wait is not known: {told.why_not['safe']}."]
    safe = told.safe
    answered = " that was answered" if told.risk is not None and told.risk.unanswered else ""
    said = (
        f"The smallest ack wait that is safe is {seconds(safe.ack_wait_s)}: the longest "
        f"batch{answered} and {MARGIN - 1:.0%} more".replace("%", " %")
    )
    if safe.tried:
        times = f"{safe.exceeded} of {safe.tried}"
        said += f"; taken from the batches before each, it would have been too short for {times}"
    return [said + "."]


def _workers(told: "WhatIf") -> list[str]:
    pace = told.pace
    if pace is None:
        return [f"What another worker would change is not known: {told.why_not['pace']}."]
    many = f"{pace.workers} workers" if pace.workers > 1 else "One worker"
    lines = [
        f"{many} (batches under way at a time: {pace.at_once:.1f}) brought "
        f"{rate(pace.throughput_per_min)} images per minute."
    ]
    if pace.at_once < BUSY * pace.workers:
        lines.append(
            f"That is {_percent(pace.at_once / pace.workers)} of the time: for the rest there was "
            "nothing to fetch, or nobody to fetch it, and another worker may change less than said "
            "here."
        )
    if pace.limited_by != "workers":
        lines.append(f"Workers were not what held it back: {_LIMITS[pace.limited_by]}.")
    for name, change in (("more", told.more), ("less", told.fewer)):
        if change is not None:
            lines.append(_changed(told, name, change))
    return lines


def _changed(told: "WhatIf", name: str, change: "WithWorkers") -> str:
    if not change.workers:
        return "With one worker less there is none, and nothing moves."
    said = f"With one worker {name}: {rate(change.throughput_per_min)} images per minute"
    if change.bounded_by and told.pace is not None and told.pace.limited_by == "workers":
        said += f" ({_LIMITS[change.bounded_by]} then)"
    if change.ends_at is None or told.ends_at is None:
        return said + "."
    verb = "ends"
    if told.is_over:
        verb = "would be done" if told.left else "would have ended"
    return f"{said}; the job {verb} at {_at(change.ends_at, told)}{_apart(change, told)}."


def _end(told: "WhatIf") -> list[str]:
    if told.images is None:
        return [f"When the job ends is not known: {told.why_not['images']}."]
    if not told.left:
        return []
    if told.is_over:
        said = f"The job is over with {told.left:,} of {told.images:,} images not saved"
        return [
            said + (f"; at its pace it would be done at {_when(told)}." if told.ends_at else ".")
        ]
    if told.ends_at is None:
        return [f"{told.left:,} images are left."]
    return [f"{told.left:,} images are left; if nothing changes the job ends at {_when(told)}."]


def _when(told: "WhatIf") -> str:
    assert told.ends_at is not None  # noqa: S101
    return _at(told.ends_at, told)


def _at(instant: pd.Timestamp, told: "WhatIf") -> str:
    day = "" if instant.date() == told.as_of.date() else f"{instant:%d %b} "
    return f"{day}{instant:%H:%M:%S} UTC"


def _apart(change: "WithWorkers", told: "WhatIf") -> str:
    assert change.ends_at is not None and told.ends_at is not None  # noqa: S101, PT018
    apart_s = (change.ends_at - told.ends_at).total_seconds()
    if abs(apart_s) < 1:
        return ", no sooner and no later"
    return f", {seconds(abs(apart_s))} {'sooner' if apart_s < 0 else 'later'}"


def _percent(ratio: float) -> str:
    return (
        f"{ratio:.1%}".replace(".0%", "%").replace("%", " %")
        if ratio < 0.1
        else (f"{ratio:.0%}".replace("%", " %"))
    )
