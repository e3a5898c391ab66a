"""Whatever Antenna answers: rows whose numbers stand in the answer, or a reason; never a crash."""

import json

import pytest

from ami_console.errors import SourceMalformed
from ami_console.instants import LATEST
from ami_console.logs import parse_job_log
from ami_console.logs.parser import LINE_LIMIT
from ami_console.reading import Reading
from ami_console.sources.antenna import AntennaSource
from ami_console.sources.job_log_lines import MOST, advance, log_lines
from ami_console.sources.job_rows import job_rows
from tests.input.hostile_server import hostile_server, whole
from tests.input.kept import assert_kept
from tests.input.properties import PROPERTIES, Property
from tests.input.rest import AT, DETAILS, JOB_ID, ZONE, asked, settings

DEEP = b"[" * 1000 + b"]" * 1000


@pytest.mark.parametrize("tried", PROPERTIES["rest"], ids=lambda tried: tried.holds.__name__)
def test_any_body(tried: Property) -> None:
    """A proxy mixes answers up, a version has other fields, somebody plays with us."""
    tried.try_few()


def look(body: bytes, status: int = 200, **headers: str) -> Reading:
    with hostile_server() as server:
        server.answer = lambda path: whole(body, status, **headers)
        return asked(AntennaSource(settings(server)), JOB_ID)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"detail": ' + DEEP + b"}", 403), (b'{"id": ' + DEEP + b"}", 200), (DEEP, 200)],
)
def test_an_answer_nested_too_deep_to_be_printed(body: bytes, status: int) -> None:
    """JSON may be nested deeper than Python 3.11 can print: the message says so, and is one."""
    reading = look(body, status)
    assert not reading.ok
    assert reading.error is not None
    assert "unexpected way" not in reading.error
    assert len(reading.error) < 500
    told = (f"answered {status}", "nested too deep to be shown", "got one with id [[[")
    assert any(each in reading.error for each in told)


def test_a_body_of_megabytes_is_quoted_by_its_beginning() -> None:
    """A server's error page of 20 MB: its beginning is in the message, at once."""
    reading = look(json.dumps({"detail": "out of order " * 1_600_000}).encode(), 403)
    assert reading.error is not None
    assert "(out of order out of order" in reading.error
    assert len(reading.error) < 500


@pytest.mark.parametrize("location", ["http://[", "https://[::1", "//[x", "\x7f", "/a b"])
def test_a_redirect_to_nowhere(location: str) -> None:
    """A proxy redirects to something that is no address."""
    reading = look(b"", 302, location=location)
    assert not reading.ok
    assert "unexpected way" not in (reading.error or "")


def test_a_date_of_another_age() -> None:
    """The ``Date`` header has a year of twenty digits: the look is good, the offset not known."""
    reading = look(DETAILS[-1], date="Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
    assert reading.ok
    assert reading.clock_offset_s is None


@pytest.mark.parametrize("year", ["0001", "1677", "1968", "2263", "9999"])
def test_times_that_no_server_means_are_missing(year: str) -> None:
    """A job that was created in the year 9999 is shown like any other, without that time."""
    body = json.loads(DETAILS[-1]) | {"created_at": f"{year}-12-31T23:59:59"}
    job, _ = job_rows(body, observed_at=AT, zone=ZONE)
    assert job["created_at"] is None
    assert 0 < job["started_at"] < LATEST
    assert_kept(Reading(source="antenna", observed_at=AT, rows={"jobs": [job]}), judged=True)


def test_an_answer_in_a_packing_that_was_not_asked_for() -> None:
    """A server may not choose how its answer is unpacked."""
    reading = look(DETAILS[-1], content_encoding="gzip, gzip")
    assert "can't be decompressed" in (reading.error or "")


def test_a_job_that_is_none_is_named_shortly() -> None:
    with pytest.raises(SourceMalformed, match="an integer id, and this one has id 'x"):
        job_rows({"id": "x" * 100_000}, observed_at=AT, zone=ZONE)


def test_a_log_line_of_many_megabytes() -> None:
    """An entry is read as far as a line of a log file is, and takes no longer."""
    line = "[2026-11-23 10:14:20] INFO " + "user=a token " * (20 * LINE_LIMIT // 13)
    (row,) = parse_job_log([line], job_id=3, zone=ZONE, observed_at=AT)
    assert len(row["message"]) < LINE_LIMIT


def test_more_lines_than_antenna_ever_gives() -> None:
    """A million equal lines: the newest are read, and what lies behind them is told as a gap."""
    body = {"logs": {"stdout": ["[2026-11-23 10:14:20] INFO the same"] * 1_000_000}}
    lines = log_lines(body)
    first = advance(None, lines, limit=MOST, status="STARTED")
    assert len(first.lines) == MOST
    assert "were not read" in (first.gap or "")
    assert advance(first.followed, lines, limit=MOST, status="STARTED").lines == []
