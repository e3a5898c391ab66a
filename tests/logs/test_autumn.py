"""The hour that autumn repeats: 2026-11-01 01:00 to 02:00 in New York, first EDT, then EST."""

from zoneinfo import ZoneInfo

import pytest

from ami_console.instants import from_rfc3339
from ami_console.logs import parse_job_log
from tests.logs.log_text import NEW_YORK, parsed

NIGHT = [  # wall time, instant
    ("00:59:59", "04:59:59"),
    ("01:00:00", "05:00:00"),
    ("01:59:58", "05:59:58"),
    ("01:00:01", "06:00:01"),
    ("01:30:00", "06:30:00"),
    ("02:00:00", "07:00:00"),
]


def instants(clocks: list[str]) -> list[int | None]:
    return [from_rfc3339(f"2026-11-01T{clock}Z") for clock in clocks]


@pytest.mark.parametrize("prefix", ["", "celery-1  | "])
def test_the_order_of_the_lines_tells_the_second_pass(prefix: str) -> None:
    text = "".join(f"{prefix}[2026-11-01 {wall},500: INFO/MainProcess] x\n" for wall, _ in NIGHT)
    found = [row["logged_at"] for row in parsed(text)]
    assert found == instants([f"{at}.5" for _, at in NIGHT])


def test_a_whole_job_log_goes_through_the_night() -> None:
    """A line every minute from 00:30 to 02:30, which is three hours long."""
    walls = [f"{h:02d}:{m:02d}" for h in (0, 1, 1, 2) for m in range(60)][30:-30]
    lines = [f"[2026-11-01 {wall}:00] INFO x" for wall in walls]
    first = from_rfc3339("2026-11-01T04:30:00Z")
    assert first is not None
    expected = [first + 60_000_000_000 * n for n in range(180)]
    rows = parse_job_log(lines[::-1], job_id=3, zone=NEW_YORK, observed_at=None)
    assert rows.column("logged_at") == expected
    assert [row["logged_at"] for row in parsed("\n".join(lines))] == expected


def test_processes_that_write_a_little_out_of_order_do_not_turn_the_clock() -> None:
    clocks = ["01:30:00", "01:29:58", "01:30:02"]
    text = "".join(f"[2026-11-01 {clock}] INFO x\n" for clock in clocks)
    assert [row["logged_at"] for row in parsed(text)] == instants(
        ["05:30:00", "05:29:58", "05:30:02"]
    )


def test_dockers_own_time_decides() -> None:
    """Nothing was logged for hours; the text alone can't tell which 01:30 it is."""
    line = "django-1  | 2026-11-01T{}Z INFO 2026-11-01 01:30:00,000 views 7 8 x\n"
    for docker, instant in (("05:30:00.001", "05:30:00"), ("06:30:00.001", "06:30:00")):
        (row,) = parsed(line.format(docker))
        assert [row["logged_at"]] == instants([instant])


def test_a_log_that_is_followed_knows_the_hour_from_the_clock() -> None:
    """Each look brings a few lines that were just written: no order tells the second pass."""
    lines = ["[2026-11-01 01:20:05] INFO new", "[2026-11-01 01:19:55] INFO older"]
    for now, expected in (
        ("05:20:10", ["05:19:55", "05:20:05"]),
        ("06:20:10", ["06:19:55", "06:20:05"]),
    ):
        (observed_at,) = instants([now])
        rows = parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=observed_at)
        assert rows.column("logged_at") == instants(expected)


def test_lines_of_both_passes_in_one_look() -> None:
    lines = [f"[2026-11-01 {wall}] INFO x" for wall, _ in reversed(NIGHT[2:4])]
    (observed_at,) = instants(["06:00:20"])
    rows = parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=observed_at)
    assert rows.column("logged_at") == instants([at for _, at in NIGHT[2:4]])


def test_in_spring_and_where_there_is_no_summer_time_nothing_repeats() -> None:
    text = "[2026-03-08 01:59:59] INFO x\n[2026-03-08 03:00:00] INFO x\n"
    first, second = (row["logged_at"] for row in parsed(text))
    assert second - first == 1_000_000_000
    back = "[2026-11-01 01:59:00] INFO x\n[2026-11-01 01:00:00] INFO x\n"
    first, second = (row["logged_at"] for row in parsed(back, zone=ZoneInfo("UTC")))
    assert second - first == -59 * 60_000_000_000
