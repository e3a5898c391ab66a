"""What is wrong, worst first, and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ami_console.metrics.clocks import CLOCK_LIMIT_S
from ami_console.reading import Reading, SourceName

if TYPE_CHECKING:  # they hold what this module makes
    from ami_console.doctor.examination import SourceReport, TimeZone

Severity = Literal["critical", "warning", "info"]

_SEVERITIES: Sequence[Severity] = ("critical", "warning", "info")

COSTS: Mapping[SourceName, str] = {
    "antenna": "status, progress and ends of jobs, so every verdict on a job",
    "nats": "no_worker, not_returning, redelivering, lost_at_max_deliver, duplicate_tasks, "
    "at_capacity, zombie_stream, state_gone",
    "redis": "results_backlog, mostly_failing, done_not_closed, and which images are lost",
    "tap": "latency and throughput by each acknowledgement",
    "job_logs": "when images were fetched and posted",
    "log_files": "what Antenna's processes and the workers logged",
    "celery": "how much waits to be saved: results_backlog",
}
"""What can't be told without each source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Attributes:
        severity: ``critical``: verdicts are missing or wrong; ``warning``: somebody should set
            it right; ``info``: worth knowing, nobody has to act.
        source: Which source it is about; ``None``: this machine.
        title: What is the case.
        next_step: What to do.
    """

    severity: Severity
    source: str | None
    title: str
    next_step: str


def problems_of(
    reports: "Sequence[SourceReport]",
    zone: "TimeZone",
    *,
    searches: Mapping[SourceName, Reading],
) -> list[Problem]:
    """All problems, worst first.

    Args:
        reports: Of the sources.
        zone: The zone of Antenna's times.
        searches: Source → its search for active jobs.
    """
    found = [
        *(problem for report in reports for problem in _of_source(report)),
        *(problem for report in reports for problem in _of_search(report, searches)),
        *_clocks(reports),
        *_zone(zone),
    ]
    return sorted(found, key=lambda problem: _SEVERITIES.index(problem.severity))


def _of_source(report: "SourceReport") -> Iterator[Problem]:
    name = report.source
    if not report.ok:
        yield Problem(
            severity="critical",
            source=name,
            title=f"can't be read: {report.error}",
            next_step=f"until then can't be told: {COSTS[name]}",
        )
    elif report.error is not None:
        # Lines of a log that were not read are a gap, and nothing that can be set right.
        severity: Severity = "info" if name == "job_logs" else "warning"
        step = "what it names can't be told; `ami-console snapshot` shows whether it stays so"
        if report.way == "api":
            step = (
                "make the monitoring port reachable, or set AMI_CONSOLE_NATS_MONITOR_URL to "
                "nothing if the API is meant"
            )
        yield Problem(severity=severity, source=name, title=report.error, next_step=step)
    for lack in report.rights.lack:
        yield Problem(
            severity="warning" if lack.is_needed else "info",
            source=name,
            title=f"lacks: {lack.right}. Without it: {lack.costs}",
            next_step=lack.advice,
        )
    if report.rights.excess:
        yield Problem(
            severity="info",
            source=name,
            title=f"may do more than it needs: {listed(report.rights.excess, 3)}",
            next_step="give the console a login that can only look (README)",
        )


def listed(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - most
    shown = "; ".join(names[:most])
    return f"{shown}; and {more} more" if more > 0 else shown


def _of_search(
    report: "SourceReport", searches: "Mapping[SourceName, Reading]"
) -> Iterator[Problem]:
    search = searches.get(report.source)
    if search is None or not report.ok or search.error in (None, report.error):
        return
    said = "" if search.ok else "can't be searched for active jobs: "
    yield Problem(
        severity="warning",
        source=report.source,
        title=f"{said}{search.error}",
        next_step="jobs that only this source knows of are not found until it is set right",
    )


def _clocks(reports: "Sequence[SourceReport]") -> Iterator[Problem]:
    told = {
        report.source: (report.clock_offset_s, report.clock_error_s or 0.0)
        for report in reports
        if report.clock_offset_s is not None and report.source not in ("job_logs", "tap")
    }
    off = {s: offset for s, (offset, error) in told.items() if abs(offset) > CLOCK_LIMIT_S + error}
    if (
        len(off) >= 2
        and len(off) == len(told)
        and max(off.values()) - min(off.values()) <= (2 * CLOCK_LIMIT_S)
    ):
        ahead = -sum(off.values()) / len(off)
        yield Problem(
            severity="warning",
            source=None,
            title=f"the clock of this machine is {apart(ahead)} that of all sources",
            next_step="set this machine's clock (NTP)",
        )
        return
    for source, offset in off.items():
        yield Problem(
            severity="warning",
            source=source,
            title=f"its clock is {apart(offset)} that of this machine",
            next_step="set the clocks (NTP); ages and waits are wrong by so much",
        )


def apart(offset_s: float) -> str:
    """``12.0 s ahead of``, ``3.5 h behind``."""
    size = abs(offset_s)
    if size < 600:
        shown = f"{size:.1f} s"
    else:
        shown = f"{size / 3600:g} h" if size % 900 == 0 else f"{size / 60:.0f} min"
    return f"{shown} {'ahead of' if offset_s > 0 else 'behind'}"


def _zone(zone: "TimeZone") -> Iterator[Problem]:
    found = zone.found
    if found.verdict != "disagrees" or found.offset_s is None:
        return
    least = "at least " if found.error_s is None else ""
    if found.looks_like == "clock":
        yield Problem(
            severity="warning",
            source="antenna",
            title=f"times of its jobs are {least}{apart(found.offset_s)} the instants at which "
            "they were seen",
            next_step="set the clock of the machine that runs Antenna's workers (NTP)",
        )
        return
    shows = f"; Antenna's clocks show {zone.zone}" if zone.zone else ""
    yield Problem(
        severity="critical",
        source="antenna",
        title=f"read as {zone.setting.key}, its times are {least}{apart(found.offset_s)} the truth",
        next_step=f"set AMI_CONSOLE_ANTENNA_TIMEZONE to the zone of its setting TIME_ZONE{shows}",
    )
