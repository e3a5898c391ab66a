"""Lines that nobody meant to write: a log holds whatever somebody sent."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_console import frames
from ami_console.logs import LogParser, parse_job_log
from ami_console.logs.kinds import TABLE
from ami_console.logs.masking import MESSAGE_LIMIT, masked
from ami_console.logs.parser import LINE_LIMIT
from tests.logs.log_text import NEW_YORK

WORDS = (
    *(form for kind in TABLE for form in kind.forms),
    "[2026-11-23 10:14:20] INFO ",
    "[2026-11-01 01:30:00,123: INFO/ForkPoolWorker-1] ",
    "INFO 2026-11-23 10:14:20,123 models 7 8 ",
    "[2026-11-23 10:14:20 -0500] [7] [INFO] ",
    "2026-11-23T10:14:20.123456789Z ",
    "9999-12-31T23:59:59Z ",
    "[0001-01-01 00:00:00] INFO ",
    "[2999-01-01 00:00:00] INFO ",
    "django-1  | ",
    "$JS.ACK.job_3.job-3-consumer.1.7.7.1795448945276789934.9",
    "$JS.ACK.job_3.c.99999999999999999999.1.1.1.1",
    "user=a@b.org, token_id=f34f83a8…",
    "99999999999999999999",
    "٣",
    "\n",
    "\r",
    "\x1b[31m",
    "\x1b]0;",
    "\x00",
    "\ud800",
    "|",
    " ",
)

pieces = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=20)), max_size=30)


def is_shown(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cs"}


@given(pieces, st.integers(0, 30))
def test_any_text_gives_rows_that_can_be_stored_and_shown(parts: list[str], cut: int) -> None:
    parser = LogParser(NEW_YORK)
    batches = [parser.feed("".join(parts[:cut])), parser.feed("".join(parts[cut:]))]
    batches += [parser.flush(), parser.finish()]
    for batch in batches:
        frame = frames.from_batch("log_events", batch)
        assert len(frame) == len(batch)
        assert frame["observed_at"].notna().all()
        for message in batch.column("message"):
            assert all(map(is_shown, message))
            assert message.encode().decode() == message


@given(st.lists(pieces, max_size=10), st.none() | st.integers(0, 2**62))
def test_any_jobs_log_gives_rows(lines: list[list[str]], observed_at: int | None) -> None:
    texts = ["".join(line) for line in lines]
    batch = parse_job_log(texts, job_id=3, zone=NEW_YORK, observed_at=observed_at)
    frame = frames.from_batch("log_events", batch)
    assert len(frame) in {0, len(texts)}
    assert frame["observed_at"].notna().all()
    for message in batch.column("message"):
        assert all(map(is_shown, message))


@given(pieces, st.data())
def test_any_cut_gives_the_same_rows(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cut = data.draw(st.integers(0, len(text)))
    whole, halves = LogParser(NEW_YORK), LogParser(NEW_YORK)
    once = [*whole.feed(text), *whole.finish()]
    twice = [*halves.feed(text[:cut]), *halves.feed(text[cut:]), *halves.finish()]
    kept = [{k: v for k, v in row.items() if v is not None} for row in once]
    assert [{k: v for k, v in row.items() if v is not None} for row in twice] == kept


@pytest.mark.parametrize(
    "unit",
    ["?", "?a", "@", "a@", "a.", "//", "-a", "token", "key-", "Token 1", "'", "user=", "eyJ", "a ",
     "\x1b[", "\x1b]", "0", "0a", "(1/2 online", "$JS.ACK.", " in 1.0 seconds", "=", "%40"],
)  # fmt: skip
def test_no_line_takes_the_parser_long(unit: str) -> None:
    """One line of a megabyte, made to have a pattern try everything: it would not end today."""
    line = (unit * LINE_LIMIT)[:LINE_LIMIT]
    for beginning in ("", "Saved results from pipeline ", "Waiting for workers to pick up tasks "):
        parser = LogParser(NEW_YORK)
        batch = parser.feed(f"[2026-11-23 10:14:20] INFO {beginning}{line}\nx\n")
        assert len([*batch, *parser.finish()]) == 1
    assert max(map(len, masked([line]))) <= MESSAGE_LIMIT
