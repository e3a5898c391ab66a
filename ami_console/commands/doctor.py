"""``ami-console doctor``: is every source there, what may we do, are the clocks right."""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence

from ami_console.cli import DONE, SOURCE_FAILED
from ami_console.commands.printing import json_text, paragraph, printable, shortened, width
from ami_console.doctor import Examination, SourceReport, TimeZone, examine
from ami_console.doctor.costs import Cost
from ami_console.settings import Settings

NEEDS_A_HUMAN = 1

_INDENT = 13
_MARKS = {"critical": "!!", "warning": "! ", "info": "i "}


def run(options: argparse.Namespace) -> int:
    """Examine and print: 1 when something needs a human, 3 when no source could be read."""
    found = asyncio.run(examine(Settings.from_environment(), tell=_tell))
    _tell("")
    if options.format == "json":
        print(json_text(found.as_json()))
    else:
        print("\n".join(_lines(found)))
    if found.saw_nothing:
        return SOURCE_FAILED
    return NEEDS_A_HUMAN if found.needs_a_human else DONE


def _tell(doing: str) -> None:
    """What is being done, on a terminal only; an empty text clears the line."""
    if sys.stderr.isatty():
        line = shortened(printable(doing), width() - 1)
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _lines(found: Examination) -> Iterator[str]:
    worse = [problem for problem in found.problems if problem.severity != "info"]
    remarks = len(found.problems) - len(worse)
    looks = max(report.cost.looks for report in found.sources if report.source != "tap")
    yield from _wrapped(
        "",
        f"{found.as_of:%Y-%m-%d %H:%M:%S} UTC · {_many(looks, 'look')} at "
        f"{_many(found.jobs, 'job')} · {_many(len(worse), 'problem')}, {_many(remarks, 'remark')}",
    )
    for problem in found.problems:
        yield ""
        about = "" if problem.source is None else f"{problem.source}: "
        yield from _wrapped(f"{_MARKS[problem.severity]} ", f"{about}{problem.title}")
        yield from _wrapped("   -> ", problem.next_step)
    for report in found.sources:
        yield ""
        yield from _source(report)
    yield ""
    yield from _time_zone(found.time_zone)


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _source(report: SourceReport) -> Iterator[str]:
    state = "ok" if report.ok else "NOT READ"
    yield from _wrapped(f"{report.source:<10} ", f"{state}, {report.address}")
    yield from _entry("version", report.version or _no_version(report))
    if report.way is not None:
        yield from _entry("read by", f"{report.way}: {report.way_because}")
    rights = report.rights
    yield from _entry("may", ", ".join(rights.have))
    for lack in rights.lack:
        yield from _entry("lacks", f"{lack.right} ({lack.costs})")
    yield from _entry("too much", "; ".join(rights.excess))
    for unknown in rights.cant_tell:
        yield from _entry("can't tell", f"{unknown.right}: {unknown.why}")
    if report.clock_offset_s is not None:
        error = f" (±{report.clock_error_s:.2f} s)" if report.clock_error_s is not None else ""
        yield from _entry("clock", f"{report.clock_offset_s:+.2f} s from ours{error}")
    if report.cost.looks:
        name = "a look" if report.cost.every_s is not None else "hears"
        yield from _entry(name, "; ".join(_cost(report.cost)))


def _no_version(report: SourceReport) -> str:
    if report.source == "log_files":
        return ""
    return "does not tell" + (f" (Server: {report.server})" if report.server else "")


def _cost(cost: Cost) -> Iterator[str]:
    """One look, an hour of them, a day of them; what is not known is left out."""
    if cost.every_s is not None:
        one = [_requests(cost.requests), _bytes(cost.bytes)]
        if cost.elapsed_s is not None:
            one.append(f"{cost.elapsed_s:.2f} s")
        yield f"{', '.join(filter(None, one))}, every {cost.every_s:g} s"
    hour = [_requests(cost.requests_per_hour), _bytes(cost.bytes_per_hour)]
    if any(hour):
        day = f" ({_bytes(cost.bytes_per_day)} a day)" if cost.bytes_per_day is not None else ""
        yield f"an hour: {', '.join(filter(None, hour))}{day}"
    if cost.stored_bytes_per_hour is not None:
        stored = _bytes(cost.stored_bytes_per_hour) if cost.stored_bytes_per_hour else "nothing"
        if not cost.stored_bytes_per_hour:
            stored += f" (by the API {_bytes(cost.stored_by_api_bytes_per_hour)})"
        yield f"of it NATS stores as advisories: {stored}"


def _requests(number: float | None) -> str:
    if not number:
        return ""
    return "1 request" if number == 1 else f"{number:,.0f} requests"


def _bytes(number: float | None) -> str:
    if number is None:
        return ""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return (
                f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
            )
        number /= 1000
    return f"{number:.1f} GB"


def _time_zone(zone: TimeZone) -> Iterator[str]:
    found = zone.found
    words = {"agrees": "agrees", "disagrees": "DISAGREES", "cant_tell": "can't tell"}
    shows = f", Antenna's clocks show {zone.zone}" if zone.zone else ""
    yield from _wrapped("time zone  ", f"{zone.setting.key} {words[found.verdict]}{shows}")
    if found.offset_s is not None:
        within = "at least" if found.error_s is None else f"±{found.error_s:.1f} s"
        yield from _entry("offset", f"{found.offset_s:+,.1f} s ({within}), by {found.n} of:")
    names = {
        "updated": "changes of jobs seen between two looks",
        "future": "times in the future",
        "stream_created": "streams made when their job began",
    }
    told = [f"{number} {names.get(kind, kind)}" for kind, number in zone.kinds.items()]
    if found.verdict == "cant_tell":
        told.append("look again while a job runs")
    yield from _entry("evidence", ", ".join(told))


def _entry(name: str, text: str) -> Iterator[str]:
    if text:
        yield from _wrapped(f"  {name:<{_INDENT - 3}} ", text)


def _wrapped(head: str, text: str) -> Sequence[str]:
    """Text behind a head, in lines of the width that there is."""
    return paragraph(text, head=head).split("\n")
