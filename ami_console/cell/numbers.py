"""The numbers of a job as a mapping that reads well in a cell."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ami_console.markup import card, count, duration, instant, measure, pairs

_SPREADS = {
    "latency_s": "published → acknowledged",
    "queue_wait_s": "queue wait",
    "service_time_s": "at a worker",
    "save_time_s": "saving",
}


class Numbers(dict[str, Any]):
    """What :func:`ami_console.summary.summarise` tells of a job: name → value, nested."""

    @property
    def progress(self) -> str:
        """``36 of 40 images``."""
        return f"{count(self['processed'])} of {count(self['total'])} images"

    def _repr_html_(self) -> str:
        return card(f"Numbers of job {self['job_id']}", pairs(self.in_words()))

    def in_words(self) -> dict[str, str]:
        """Name → value as people read it; a dash: not known."""
        seen = self["coverage"]["acks_seen_ratio"]
        by = ", ".join(self["acks"]["by"])
        return {
            "done": self.progress,
            "failed": count(self["failed"]),
            "lost": count(self["lost"]),
            "started": _instant(self["started_at"]),
            "finished": _instant(self["finished_at"]),
            "throughput": f"{measure(self['throughput_per_min'])} images per minute, "
            f"{measure(self['peak_throughput_per_min'])} at its best",
            "redeliveries": f"{count(self['redeliveries'])}, of "
            f"{count(self['redelivered_tasks'])} images; most attempts of one: "
            f"{count(self['max_delivery'])}",
            **{label: _spread(self[name]) for name, label in _SPREADS.items()},
            "told by": by + (f", {seen:.1%} of what was settled" if seen is not None else ""),
        }


def _instant(text: str | None) -> str:
    return instant(None if text is None else pd.Timestamp(text))


def _spread(told: Mapping[str, Any]) -> str:
    """The median and what few take, or of few values all; and that it is a guess, where it is."""
    guess = " (estimate from looks)" if told["is_estimate"] else ""
    if not told["n"]:
        return "–"
    if told["p50"] is None:
        values = ", ".join(duration(value) for value in told["values"][:5])
        return f"{values}{' …' if told['n'] > 5 else ''}{guess}"
    return (
        f"median {duration(told['p50'])}, 95 % below {duration(told['p95'])}, "
        f"at most {duration(told['max'])}{guess}"
    )
