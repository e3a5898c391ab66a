"""Nothing that identifies a person or opens a door leaves a log."""

import re

import pytest

from ami_console.logs import parse_job_log
from ami_console.logs.fields import PLACE
from ami_console.logs.masking import MESSAGE_LIMIT, masked, pseudonym
from tests.logs.log_text import NEW_YORK, job_lines, of_kind, parsed, rows_of, text_of
from tests.logs.wordings import WORDINGS, filled

TOKEN = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqb2huIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
SIGNATURE = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"

SAID = {  # what is logged → what must not be left of it
    "mail to jane.doe+x@field.example.org failed": ["jane.doe", "field.example"],
    "user Jane <jane@example.org>": ["jane@"],
    "GET /api/?email=jane%40example.org": ["jane"],
    "redis://:hunter2@redis:6379/0 is away": ["hunter2"],
    "amqp://rabbit:p@ss:w0rd@mq:5672//": ["rabbit:", "w0rd"],
    f"Authorization: Token {TOKEN}": [TOKEN, TOKEN[:8]],
    f"{{'Authorization': 'Bearer {JWT}', 'Accept': '*/*'}}": [JWT[:12], JWT[-12:]],
    f"headers: authorization=Basic {'QWxhZGRpbjpvcGVuc2VzYW1l'}": ["QWxhZGRpb"],
    f"Token {TOKEN[:20]} was refused": [TOKEN[:20]],
    f"the key {TOKEN} was printed": [TOKEN],
    f"jwt {JWT}": [JWT[:12], JWT[-12:]],
    "token_id=f34f83a8…": ["f34f83a8"],
    "password='correct horse battery'": ["correct", "battery"],
    '{"password": "s3cret", "x": 1}': ["s3cret"],
    "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCY": ["wJalrXUtnFEMI", "bPxRfiCY"],
    "aws key AKIAIOSFODNN7EXAMPLE": ["AKIAIOSFODNN7EXAMPLE"],
    "Cookie: sessionid=abc123def; csrftoken=zyx987": ["abc123def", "zyx987"],
    f"could not get https://s3.example.org/a/b.jpg?X-Amz-Signature={SIGNATURE}&X-Amz-Expires=9": [
        SIGNATURE,
        SIGNATURE[:12],
        "Expires",
    ],
    "Max retries exceeded with url: /img/1.jpg?sig=Zm9vYmFy%3D (Caused by x)": ["Zm9vYmFy"],
    "user=jane, token_id=f34f83a8…": ["jane", "f34f83a8"],
}

PREFIXES = (
    "[2026-11-23 10:14:20] ERROR ",
    "[2026-11-23 10:14:20,123: ERROR/ForkPoolWorker-1] ",
    "ERROR 2026-11-23 10:14:20,123 views 7 8 ",
    "[2026-11-23 10:14:20 +0000] [7] [ERROR] ",
    "2026-11-23T10:14:20Z ",
    "django-1  | 2026-11-23T10:14:20Z ",
    "[2026-11-23 10:14:20] ERROR Traceback:\n",
    "[2026-11-23 10:14:20] INFO Saving results from pipeline ",
    "[2026-11-23 10:14:20] INFO Successfully saved results for job 3\n",
    "[2026-11-23 10:14:20] ERROR Pipeline returned error for job 3, image 4: ",
    '[2026-11-23 10:14:20] INFO Running job #3 "',
)


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_secrets_do_not_pass(prefix: str, said: str) -> None:
    """An error prints what it was asked with, whoever logs it."""
    rows = parsed(f"{prefix}{said}\n")
    assert rows
    for secret in SAID[said]:
        assert secret not in str(rows)


@pytest.mark.parametrize("said", SAID)
def test_secrets_in_a_jobs_log_do_not_pass(said: str) -> None:
    lines = [f"[2026-11-23 10:14:20] ERROR {said}", f"no prefix {said}"]
    rows = rows_of([parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=None)])
    assert len(rows) == 2
    for secret in SAID[said]:
        assert secret not in str(rows)


@pytest.mark.parametrize("scenario", ["c_worker_crash", "e_cancelled"])
def test_no_real_line_keeps_who_it_was(scenario: str) -> None:
    job_id, lines = job_lines(scenario)
    batch = parse_job_log(lines, job_id=job_id, zone=NEW_YORK, observed_at=None)
    rows = [
        *rows_of([batch]),
        *parsed(text_of(scenario, "django.log")),
        *parsed(text_of(scenario, "celery.log")),
    ]
    told = str(rows)
    assert "operator" in str(lines)
    assert "f34f83a8" in str(lines)
    assert not re.search(r"operator|example\.org|f34f83a8|rabbituser", told)
    assert "user=client-340008, token_id=…" in told


def test_a_client_is_known_again_and_no_other() -> None:
    line = "[2026-11-23 10:14:20] INFO Tasks fetched: requested=8, delivered=8, "
    clients = ("a@x.org, token_id=11111111…", "a@x.org, token_id=22222222…")
    text = "".join(f"{line}user={who}\n" for who in (*clients, clients[0], "b@x.org, token_id="))
    found = [row["client"] for row in of_kind(parsed(text), "fetched")]
    assert found[0] == found[2]
    assert len(set(found)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{6}", client) for client in found)
    assert pseudonym("operator@example.org", "f34f83a8…") == "340008"


@pytest.mark.parametrize(
    "harmless",
    [
        "Found 320 out of 320 images to process",
        "https://example.org/a/b.jpg is not there",
        "Job state keys not found in Redis (likely cleaned up concurrently)",
        "why? because",
        "token validation failed",
        "the secret of success",
        "celery@vm ready.",
        "zombie_streams check: 4 stream(s) inspected, 0 drained, 0 error(s)",
        'Saved results from pipeline #2 "Québec 2024" (quebec_2024) v1 in 0.28 seconds',
        "user 3 of 4",
        "a b c",
        "line one\n\tline two",
    ],
)
def test_what_is_harmless_stays_as_it_is(harmless: str) -> None:
    """A message in which half the words are dots helps nobody."""
    assert masked([harmless]) == [harmless]
    assert parsed(f"[2026-11-23 10:14:20] INFO {harmless}\n")[0]["message"] == harmless


def test_a_secret_across_the_cut_is_seen_whole() -> None:
    padding = "x" * (MESSAGE_LIMIT - 20)
    (row,) = parsed(f"[2026-11-23 10:14:20] ERROR {padding} jane.doe@field.example.org left\n")
    assert "jane" not in row["message"]
    assert len(row["message"]) <= MESSAGE_LIMIT


def test_escapes_and_controls_are_taken_out_but_line_feeds_and_tabs_stay() -> None:
    text = (
        "[2026-11-23 10:14:20] INFO \x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 nul\x00 "
        "c1\x9b31m \u202eturned\u2069 \ud800half\n\tand\x0b more\n"
    )
    (row,) = parsed(text)
    assert row["message"] == "red bell nul c131m turned half\n\tand more"
    assert row["message"].encode()
    lines = ["[2026-11-23 10:14:20] INFO \x1b[31mred\x1b[0m\x00"]
    (row,) = rows_of([parse_job_log(lines, job_id=3, zone=NEW_YORK, observed_at=1)])
    assert row["message"] == "red"


@pytest.mark.parametrize("said", [TOKEN, "jane@example.org", "Token f34f83a8abcd ", JWT])
def test_no_field_of_a_known_line_lets_a_secret_through(said: str) -> None:
    """A line of a strict wording is not masked: its fields must have no room for a secret."""
    hidden = said.removeprefix("Token ").strip()
    subject = f"$JS.ACK.hub.{said}.job_3.job-3-consumer.1.7.7.1795448945276789934.9"
    for _, form in WORDINGS:
        for field in PLACE.findall(form):
            line = filled(form, **{field: subject if field == "subject" else said})
            assert hidden not in str(parsed(f"[2026-11-23 10:14:20] INFO {line}\n")), (form, field)
            assert hidden in line
