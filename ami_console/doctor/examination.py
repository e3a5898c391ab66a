"""What the doctor found: a report of each source, the time zone, and the problems."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.doctor.costs import Cost
from ami_console.doctor.problems import Problem
from ami_console.doctor.rights import Rights
from ami_console.metrics.clocks import ZoneOffset
from ami_console.reading import SourceName


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source.

    Attributes:
        source: Which.
        address: Where, without secrets.
        ok: Whether the last look at it succeeded.
        error: Why not; of a look that did, a remark.
        version: What the server says; ``None``: it does not.
        server: What it says of its software, where that is not its version.
        way: Of NATS: ``monitor`` or ``api``.
        way_because: Why that way.
        rights: What we may do.
        clock_offset_s: Its clock minus ours, seconds; ``None``: not told.
        clock_error_s: How far that can be wrong.
        cost: What looking at it costs it.
    """

    source: SourceName
    address: str
    ok: bool
    error: str | None = None
    version: str | None = None
    server: str | None = None
    way: str | None = None
    way_because: str | None = None
    rights: Rights
    clock_offset_s: float | None = None
    clock_error_s: float | None = None
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeZone:
    """The zone of Antenna's naive times.

    Attributes:
        setting: Zone in the settings.
        found: What the evidence comes to.
        kinds: Kind of evidence → how many pieces.
        utc_offset_s: What Antenna's clocks show, as seconds ahead of UTC, where that is known.
    """

    setting: ZoneInfo
    found: ZoneOffset
    kinds: dict[str, int]
    utc_offset_s: float | None

    @property
    def zone(self) -> str | None:
        """``UTC-05:00``."""
        if self.utc_offset_s is None:
            return None
        minutes = round(self.utc_offset_s / 60)
        return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All of it.

    Attributes:
        as_of: When the last look was taken.
        jobs: How many active jobs were looked at.
        sources: A report of each.
        time_zone: The zone of Antenna's times.
        problems: Worst first.
    """

    as_of: pd.Timestamp
    jobs: int
    sources: Sequence[SourceReport]
    time_zone: TimeZone
    problems: Sequence[Problem]

    @property
    def needs_a_human(self) -> bool:
        """Whether something is wrong, and not only worth knowing."""
        return any(problem.severity != "info" for problem in self.problems)

    @property
    def saw_nothing(self) -> bool:
        """Whether no source could be read at all."""
        return not any(report.ok for report in self.sources)

    def as_json(self) -> dict[str, Any]:
        """One JSON object; what is not known is ``None``."""
        zone = self.time_zone
        return {
            "as_of": self.as_of.isoformat().replace("+00:00", "Z"),
            "jobs": self.jobs,
            "sources": [asdict(report) for report in self.sources],
            "time_zone": {
                "setting": zone.setting.key,
                **asdict(zone.found),
                "antenna_shows": zone.zone,
                "evidence": zone.kinds,
            },
            "problems": [asdict(problem) for problem in self.problems],
        }
