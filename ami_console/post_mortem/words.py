"""A post-mortem as one would write it to a colleague: plain text, no markup."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ami_console.post_mortem.cause import CANT_TELL, NONE
from ami_console.post_mortem.instants import absent, clock, images, seconds_between, span

if TYPE_CHECKING:
    from ami_console.post_mortem.post_mortem import PostMortem

_WAYS = {
    "looks": "looks at Antenna, NATS and Redis",
    "saved job": "the saved job",
    "tap": "the tap of acknowledgements",
    "job log": "the job's log",
    "service logs": "logs of Antenna's services and workers",
}


def paragraphs(found: "PostMortem", zone: ZoneInfo | None) -> list[str]:
    """What became of the job; the cause; what to do; what else; what is not known."""
    told = [_fate(found, zone), f"{found.cause.sentence} {found.cause.why}"]
    if found.cause.code not in (NONE, CANT_TELL):
        cost = _number(found, "job_longer_by_s")
        longer = (
            f" It made the job at most {span(cost)} longer: so long after all the others the last "
            "of these images was saved."
            if cost
            else ""
        )
        told.append(f"What to do: {found.cause.next_step}{longer}")
    if found.others:
        told.append("Besides: " + " ".join(each.sentence for each in found.others[:3]))
    told.append(_sources(found))
    return told


def _number(found: "PostMortem", name: str) -> float | None:
    values = {each.name: each.value for each in found.cause.evidence}
    return None if absent(values.get(name)) else float(values[name])


def _fate(found: "PostMortem", zone: ZoneInfo | None) -> str:
    name = f" “{found.name}”" if found.name else ""
    if found.ended_at is not None:
        end = f"ended as {found.status}"
    else:
        end = f"was last seen as {found.status}" if found.status else "has no known status"
    done = "an unknown number of its images were done"
    if found.total is not None and found.processed is not None:
        done = f"{found.processed:,} of {images(found.total)} were processed"
    failed = "how many failed is not known" if found.failed is None else f"{found.failed:,} failed"
    return f"Job {found.job_id}{name} {end}: {done}, {failed}. {_when(found, zone)}"


def _when(found: "PostMortem", zone: ZoneInfo | None) -> str:
    begin, end = found.begun_at, found.ended_at
    if begin is None:
        return "When it was started is not known."
    took = seconds_between(begin, end)
    to = "" if end is None else f" to {clock(end, day=begin)} ({span(took)})"
    local = ""
    if zone is not None and zone.key != "UTC":
        there = [f"{at.tz_convert(zone):%H:%M:%S}" for at in (begin, end) if at is not None]
        local = f"; {' to '.join(there)} in {zone.key}"
    return f"It ran from {clock(begin, day=None)}{to}{local}."


def _sources(found: "PostMortem") -> str:
    ways = [_WAYS[way] for way in found.told_by]
    listed = " and ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
    told = f"This was told by {listed or 'nothing'}."
    if found.not_known:
        told += " Not known: " + "; ".join(found.not_known) + "."
    return told
