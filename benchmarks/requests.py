"""Every request that leaves ``record``, ``serve``, ``diagnose`` and ``doctor`` in an hour.

    python -m benchmarks.requests                    an hour of each, 20 times as fast: ten minutes
    python -m benchmarks.requests --minutes 10       ten minutes of each
    python -m benchmarks.requests record --json
    python -m benchmarks.requests --list             the list of what is allowed, as Markdown

Jobs move all the while on a demo of our own. The commands run as they are, as processes, with the
pauses between looks (not the deadlines) compressed; a proxy in front of each server writes down
what is said, and Python's audit hooks and the kernel tell where else the process connects to.
``record`` is run in the way that sends the most (no monitoring port, the tap, RabbitMQ), ``serve``
with the monitoring port and Celery's queues in Redis, and somebody opens its page.

A row is a request without what is new each time: ``sent`` within the run, ``an hour`` of its time,
``in the same words`` how often the busiest of them came and how often the list lets it. Below: what
the broker stored of our questions. Exit code 1: something was sent that is not on the list, more
often, or to somebody else.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nats
import nats.errors
import orjson

from ami_console.demo.processes import free_port
from ami_console.demo.stack import Stack
from benchmarks.wire.allowed import forbidden, page_table, rule, too_often, words
from benchmarks.wire.watched import END_WITHIN_S, Watched, rabbit_stand_in, wired

COMMANDS = ("record", "serve", "diagnose", "doctor")
STARTS_WITHIN_S = 60.0
BEATS = {"doctor": 1.0}
"""Commands that look a few times and end: their time is not compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of request of one command.

    Attributes:
        command: Which.
        server: To whom.
        request: As the list shows it; as it was sent where it is not on the list.
        sent: How often.
        per_hour: The same in an hour of the run's time; ``None``: it looks a few times and ends.
        busiest: How often the busiest came in the same words.
        allowed: How often it may; ``None``: it is not on the list, or has no pause.
    """

    command: str
    server: str
    request: str
    sent: int
    per_hour: float | None
    busiest: int
    allowed: float | None


@dataclass(slots=True)
class Run:
    """One command.

    Attributes:
        command: Which.
        code: Its exit code.
        seconds: Of its time, from the first request to the last.
        rows: What it sent.
        wrong: What it should not have done.
        advisories: How many advisories its questions left in the broker.
        advisory_bytes: Size of their bodies.
    """

    command: str
    code: int
    seconds: float
    rows: list[Row]
    wrong: list[str] = field(default_factory=list)
    advisories: int = 0
    advisory_bytes: int = 0


def rows_of(watched: Watched, command: str, factor: float) -> tuple[float, list[Row]]:
    """Seconds of the run's time, and what was sent in it."""
    requests = watched.requests
    at_s = [each.at_s for each in requests]
    span_s = (max(at_s) - min(at_s)) * factor if at_s else 0.0
    sent: Counter[tuple[str, str]] = Counter()
    same: dict[tuple[str, str], Counter[str]] = {}
    most: dict[tuple[str, str], float | None] = {}
    for each in requests:
        allowed = rule(each, command)
        key = each.server, allowed.shown if allowed else each.said
        sent[key] += 1
        same.setdefault(key, Counter())[words(each, allowed) if allowed else each.said] += 1
        most[key] = allowed.most(span_s) if allowed and allowed.every_s else None
    rows = [
        Row(
            command=command,
            server=server,
            request=request,
            sent=count,
            per_hour=count * 3600 / span_s if span_s and command not in BEATS else None,
            busiest=same[server, request].most_common(1)[0][1],
            allowed=most[server, request],
        )
        for (server, request), count in sent.items()
    ]
    return span_s, sorted(rows, key=lambda row: (row.server, -row.sent))


def run(stack: Stack, command: str, *, minutes: float, factor: float) -> Run:
    """Run a command for so long, and say what it sent."""
    beat = BEATS.get(command, factor)
    for_s = minutes * 60 / beat
    port = free_port()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        more: dict[str, str] = {}
        settings = {"RECORDING": str(folder / "recordings")}
        if command == "record":
            more["RABBITMQ_URL"] = opened.enter_context(rabbit_stand_in())
            settings |= {"NATS_MONITOR_URL": "", "TAP": "true"}
        elif command == "serve":
            more["CELERY_REDIS_URL"] = stack.settings.redis_url.reveal()
        wire = opened.enter_context(wired(stack.environment(), **more))
        asked = {
            "record": ["record"],
            "serve": ["serve", "--port", str(port)],
            "diagnose": ["diagnose", "--for", f"{for_s:g}"],
            "doctor": ["doctor"],
        }

        def meanwhile() -> None:
            if command not in ("record", "serve"):
                return
            start_s = time.monotonic()
            while not wire.requests and time.monotonic() - start_s < STARTS_WITHIN_S:
                time.sleep(0.05)
            end_s = time.monotonic() + for_s
            if command == "serve":
                _open(f"http://127.0.0.1:{port}/dashboard")
            time.sleep(max(0.0, end_s - time.monotonic()))

        began_at = time.time()
        watched = wire.run(
            asked[command],
            factor=beat,
            settings=settings,
            meanwhile=meanwhile,
            folder=folder,
            ends_within_s=for_s + END_WITHIN_S,
        )
        stored = asyncio.run(left_behind(stack, since=began_at))
        span_s, rows = rows_of(watched, command, beat)
        wrong = forbidden(watched.requests, command)
        if command != "doctor":  # it has no pauses of its own
            wrong += too_often(watched.requests, command, factor=beat)
        ports = {("127.0.0.1", each) for each in wire.ports}
        wrong += [f"it connected to {where}" for where in sorted(watched.connected_to - ports)]
    found = Run(command, watched.code, span_s, rows, wrong, *stored)
    if watched.code not in (0, 1):
        found.wrong.append(f"exit code {watched.code}: {watched.out[-500:]}")
    return found


def _open(url: str) -> None:
    try:
        with urlopen(url) as page:  # noqa: S310 - our own
            page.read()
    except URLError as error:
        print(f"{url} did not open: {error}", file=sys.stderr)


async def left_behind(stack: Stack, *, since: float) -> tuple[int, int]:
    """Advisories in Antenna's stream that tell of questions of ours, and the size of their bodies.

    Args:
        stack: The demo.
        since: Only those stored after this, seconds since the epoch.
    """
    client = await nats.connect(stack.settings.nats_url.reveal(), name="benchmark")
    number = size = 0
    try:
        subscription = await client.jetstream().subscribe(
            "$JS.EVENT.ADVISORY.API", stream="advisories", ordered_consumer=True
        )
        while True:
            try:
                message = await subscription.next_msg(timeout=1.0)
            except nats.errors.TimeoutError:
                return number, size
            asked_by = orjson.loads(message.data).get("client") or {}
            if (
                asked_by.get("name") == "ami-console"
                and message.metadata.timestamp.timestamp() >= since
            ):
                number, size = number + 1, size + len(message.data)
    finally:
        await client.close()


HEAD = f"{'':9} {'to':15} {'sent':>7} {'an hour':>8} {'in the same words':>19}  request"


def told(found: Run) -> str:
    """The rows of one command, and what is to be said of it."""
    lines = []
    for row in found.rows:
        most = f"{row.busiest:,}" + ("" if row.allowed is None else f" of {row.allowed:,.0f}")
        hour = "–" if row.per_hour is None else f"{row.per_hour:,.0f}"
        lines.append(
            f"{row.command:9} {row.server:15} {row.sent:7,} {hour:>8} {most:>19}  {row.request}"
        )
    lines.append(
        f"{found.command}: {found.seconds / 60:.0f} min of its time, {len(found.wrong)} wrong, "
        f"{found.advisories:,} advisories stored through it ({found.advisory_bytes:,} bytes)\n"
    )
    return "\n".join([*lines, *(f"  WRONG  {what}" for what in found.wrong[:20])])


def as_json(runs: Sequence[Run]) -> Mapping[str, object]:
    """The same as one object."""
    return {"runs": [asdict(each) for each in runs]}


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("commands", nargs="*", help=f"some of {', '.join(COMMANDS)} (all)")
    parser.add_argument("--minutes", type=float, default=60, help="of the commands' time (60)")
    parser.add_argument("--factor", type=float, default=20, help="how much faster it goes (20)")
    parser.add_argument("--scenario", default="healthy", help="of the demo (healthy)")
    parser.add_argument("--list", action="store_true", help="print the list of allowed requests")
    parser.add_argument("--json", action="store_true", help="print one object")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(page_table()))
        return 0
    if unknown := set(asked.commands) - set(COMMANDS):
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(COMMANDS)}")
    runs: list[Run] = []
    if not asked.json:
        print(HEAD)
    with Stack(asked.scenario) as stack:
        for command in asked.commands or COMMANDS:
            runs.append(run(stack, command, minutes=asked.minutes, factor=asked.factor))
            if not asked.json:
                print(told(runs[-1]), flush=True)
    if asked.json:
        print(orjson.dumps(as_json(runs), option=orjson.OPT_INDENT_2).decode())
    return 1 if any(each.wrong for each in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
