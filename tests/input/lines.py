"""Lines of real logs, cut up, repeated and with other numbers in them."""

import gzip
import re
from pathlib import Path

from hypothesis import strategies as st

from ami_console import frames
from ami_console.logs import LogParser, parse_job_log
from ami_console.reading import Reading
from tests.input.kept import assert_kept
from tests.input.rest import AT, ZONE

ANTENNA = Path(__file__).parents[1] / "data" / "antenna"


def _recorded() -> list[str]:
    """One line of each wording, of every log that was recorded."""
    found: dict[str, str] = {}
    for path in sorted(ANTENNA.glob("*/*.log*")):
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        for line in text.splitlines():
            found.setdefault(re.sub(r"[0-9a-f]*[0-9][0-9a-f]*|'[^']*'", "#", line)[:120], line)
    return list(found.values())


LINES = _recorded()
NUMBERS = (
    "0",
    "-1",
    "00",
    "1e5",
    "٣",
    "9" * 18,
    "9" * 19,
    "9" * 40,
    "9" * 5000,
    "0.1",
    "1,000",
    "",
    "∞",
)
PIECES = ("\n", "\r", "\r\n", "\x00", "\x1b[31m", "\x1b]0;", "\ud800", "\u202e", " | ",
          "django-1  | ", "[2026-11-23 10:14:20] INFO ", "9999-12-31T23:59:59Z ", "=",
          "'" * 50)  # fmt: skip
COUNTED = (
    "stream_seq", "consumer_seq", "delivery", "num_pending_then", "requested", "delivered",
    "ack_floor", "num_pending", "num_ack_pending", "num_redelivered", "max_deliver",
    "max_ack_pending", "processed", "total", "remaining", "failed",
)  # fmt: skip
_DIGITS = re.compile(r"[0-9]+")


@st.composite
def _changed(draw: st.DrawFn) -> str:
    line = draw(st.sampled_from(LINES))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(line)))
        match draw(st.sampled_from(["number", "number", "put", "drop", "repeat", "join"])):
            case "number":
                found = list(_DIGITS.finditer(line))
                if found:
                    one = draw(st.sampled_from(found))
                    line = line[: one.start()] + draw(st.sampled_from(NUMBERS)) + line[one.end() :]
            case "put":
                line = line[:at] + draw(st.sampled_from(PIECES)) + line[at:]
            case "drop":
                line = line[:at] + line[at + draw(st.integers(1, 20)) :]
            case "repeat":
                line = line[:at] + line[at : at + 30] * draw(st.sampled_from([2, 3, 500]))
            case _:
                line += draw(st.sampled_from(LINES))
    return line


lines = st.lists(_changed(), max_size=12)


def events_of_any_lines(told: list[str]) -> None:
    """A log file: every count that an event has stands in the text."""
    text = "\n".join(told)
    parser = LogParser(ZONE)
    batches = [parser.feed(text[: len(text) // 2]), parser.feed(text[len(text) // 2 :])]
    batches.append(parser.finish())
    numbers = {int(digits) for digits in _DIGITS.findall(text) if len(digits) < 20}
    for batch in filter(len, batches):
        assert len(frames.from_batch("log_events", batch)) == len(batch)
        assert_kept(Reading(source="log_files", observed_at=AT, rows={"log_events": batch}))
        for row in batch:
            assert {row[c] for c in COUNTED if row.get(c) is not None} <= numbers


def events_of_any_job_log(told: list[str]) -> None:
    """A job's log over REST: one row per line, each count of a row in its own line."""
    batch = parse_job_log(told, job_id=3, zone=ZONE, observed_at=AT)
    assert len(batch) == len(told)
    if told:
        assert_kept(Reading(source="job_logs", observed_at=AT, rows={"log_events": batch}))
    for line, row in zip(reversed(told), batch, strict=True):
        numbers = {int(digits) for digits in _DIGITS.findall(line) if len(digits) < 20}
        assert {row[c] for c in COUNTED if row.get(c) is not None} <= numbers
