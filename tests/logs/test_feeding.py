"""Text that comes in pieces, at a bad place, without an end."""

import codecs

import pytest

from ami_console.logs import LogParser
from ami_console.logs.masking import MESSAGE_LIMIT
from ami_console.logs.parser import LINE_LIMIT
from tests.logs.log_text import NEW_YORK, Row, job_lines, of_kind, parsed, rows_of, text_of

MIXED = (
    "banner…\n"
    "[2026-11-23 10:14:20,001: INFO/ForkPoolWorker-1] Processing pipeline result for job 3, "
    "reply_subject: $JS.ACK.job_3.job-3-consumer.1.7.7.1795448945276789934.9\n"
    "django-1  | INFO 2026-11-23 10:14:20,123 models 7 8 Tasks fetched: requested=8, "
    "delivered=8, user=a@example.org, token_id=f34f83a8…\n"
    "Algorithms registered for pipeline: \n"
    "\n"
    "[2026-11-23 10:14:20,010: INFO/ForkPoolWorker-1] "
    "Determining occurrences for 1 detections for source image 55\r\n"
    "\x1b[32mdjango-1  |\x1b[0m Traceback\n"
    "2026-11-23T15:14:21.5Z job 3 reserved 16 (batch 1)\n"
    "[2026-11-23 10:14:22] WARNING a job's line\n"
    "over two\n"
    "no end"
)


def fed(pieces: list[str]) -> list[Row]:
    parser = LogParser(NEW_YORK)
    return rows_of([*(parser.feed(piece) for piece in pieces), parser.finish()])


def test_a_text_may_be_cut_between_any_two_bytes() -> None:
    """A file that is followed was written up to the middle of a letter when it was read."""
    whole = parsed(MIXED)
    assert len(whole) == 6
    content = MIXED.encode()
    for place in range(len(content) + 1):
        decoder = codecs.getincrementaldecoder("utf-8")()
        pieces = [decoder.decode(content[:place]), decoder.decode(content[place:])]
        assert fed(pieces) == whole


def test_a_text_may_come_letter_by_letter() -> None:
    assert fed(list(MIXED)) == parsed(MIXED)


@pytest.mark.parametrize("size", [7, 997, 40_000])
def test_a_job_log_read_in_pieces_is_the_same_as_at_once(size: int) -> None:
    """Many lines at once take another way through the parser than a few."""
    job_id, lines = job_lines("c_worker_crash")
    text = "\n".join(reversed(lines))
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    whole = parsed(text)
    assert fed(pieces) == whole
    assert len(whole) == len(lines)
    assert len(of_kind(whole, "acked")) == 40
    acked_of = {row["job_id"] for row in of_kind(whole, "acked")}
    assert acked_of == {job_id}


@pytest.mark.parametrize(
    "odd",
    [
        "[2026-11-23 10:14:20] INFO \n\n  ",
        "[2026-11-23 10:14:20] nothing in capitals",
        "[2026-11-23 10:14:20]no space",
        "[2026-11-23T10:14:20] INFO another form",
        "[2026-W47-1 10:14:20] INFO a week",
        "[2026-11-23 10:14:61] INFO no such second",
        "[2026-13-23 10:14:20] INFO no such month",
        "[2026-11-23 10:14:20] ERROR x\n" + "y" * (MESSAGE_LIMIT + 5),
        "[2026-11-23 10:14:20] ERROR x\n" + 3000 * "yyyyyyy\n",
        "[2026-11-23 10:14:20] INFO trailing   \nspace   ",
        "django-1  | INFO 2026-11-23 10:13:15,397 models 1 2 another's",
    ],
)
def test_an_odd_line_among_many_is_read_as_alone(odd: str) -> None:
    usual = "[2026-11-23 10:14:{:02d}] INFO Successfully saved results for job 3"
    before, after = ([usual.format(n) for n in range(start, start + 20)] for start in (0, 30))
    lines = "\n".join([*before, odd, *after]).split("\n")
    one_by_one = fed([f"{line}\n" for line in lines])
    assert fed(["\n".join(lines)]) == one_by_one
    assert len(one_by_one) >= 40


def test_the_last_entry_is_kept_until_it_is_whole() -> None:
    parser = LogParser(NEW_YORK)
    assert len(parser.feed("[2026-11-23 10:14:20] INFO one\ntwo\nthr")) == 0
    (row,) = rows_of([parser.flush()])
    assert row["message"] == "one\ntwo"
    (late,) = rows_of([parser.feed("ee\n")])
    assert late["message"] == "three"
    assert late["logged_at"] == row["logged_at"]
    assert len(parser.finish()) == 0


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    """A binary file among the logs, or a process that prints without line feeds."""
    parser = LogParser(NEW_YORK)
    parser.feed("[2026-11-23 10:14:20] INFO ")
    for _ in range(40):
        parser.feed("x" * (LINE_LIMIT // 8))
    held = sum(map(len, parser._unfinished))
    assert held <= LINE_LIMIT
    first, second = rows_of([parser.feed("\n[2026-11-23 10:14:21] INFO next\n"), parser.finish()])
    assert len(first["message"]) == MESSAGE_LIMIT
    assert second["message"] == "next"


def test_an_entry_of_endless_lines_is_cut() -> None:
    lines = "".join(f"line {number}\n" for number in range(100_000))
    (row,) = parsed(f"[2026-11-23 10:14:20] INFO first\n{lines}")
    assert len(row["message"]) == MESSAGE_LIMIT
    assert row["message"].startswith("first\nline 0\n")
    assert row["message"].endswith("…")


def test_what_a_terminal_overwrites_is_not_kept() -> None:
    """A bar of progress, drawn anew in the same line, and then the line that matters."""
    rows = parsed("  3%|x\r 50%|xxx\r[2026-11-23 10:14:20] INFO done\r\n")
    assert [row["message"] for row in rows] == ["done"]


def test_lines_before_the_first_time_wait_for_it() -> None:
    rows = parsed(text_of("e_cancelled", "celery.log"))
    banner = [row for row in rows if "logged_at" not in row]
    assert banner
    assert {row["observed_at"] for row in banner} == {rows[len(banner)]["logged_at"]}


def test_a_text_without_any_time_is_left_out_and_counted() -> None:
    parser = LogParser(NEW_YORK)
    assert rows_of([parser.feed("one\ntwo\n\n"), parser.finish()]) == []
    assert parser.untimed_total == 2
    assert len(parsed("one\ntwo\n\n", observed_at=4)) == 2


def test_the_job_of_a_jobs_log_may_be_given() -> None:
    text = "[2026-11-23 10:14:20] INFO Shuffling images\n"
    assert parsed(text, job_id=3)[0]["job_id"] == 3
    assert "job_id" not in parsed(text)[0]
