"""Output of ``docker compose logs``: the same lines with something in front give the same rows."""

import heapq
import random
import re

import pytest

from ami_console.instants import from_rfc3339
from tests.logs.log_text import Row, of_kind, parsed, text_of

CELERY = text_of("c_worker_crash", "celery.log").splitlines()[:400]
DJANGO = text_of("c_worker_crash", "django.log").splitlines()
WORKER = text_of("c_worker_crash", "fake_worker.log").splitlines()
_STAMP = re.compile(r"2026-11-23[ T]1[05]:(\d\d:\d\d)[.,](\d{3})")


def without_source(rows: list[Row]) -> list[Row]:
    """Rows without what the name of a service may add to a line of no known form."""
    return [{k: v for k, v in row.items() if k != "source"} for row in rows]


def stamped(lines: list[str]) -> list[str]:
    """The lines as ``--timestamps`` shows them: Docker saw each a moment after it was written."""
    found, clock = [], "15:00:00.000"
    for line in lines:
        if at := _STAMP.search(line):
            clock = f"15:{at[1]}.{at[2]}"
        found.append(f"2026-11-23T{clock}123456Z {line}")
    return found


@pytest.mark.parametrize(
    "prefix",
    [
        "celeryworker-1  | ",
        "celeryworker_1    | ",
        "antenna-celeryworker-12 | ",
        "\x1b[36mceleryworker-1  |\x1b[0m ",
        "\x1b[1;38;5;4mceleryworker-1\x1b[0m |\x1b[K ",
        "ami_celery | ",
    ],
)
def test_a_service_in_front_changes_nothing(prefix: str) -> None:
    """Older and newer versions of compose, with colours and without, and a name of one's own."""
    plain = parsed("\n".join(CELERY))
    composed = parsed("".join(f"{prefix}{line}\n" for line in CELERY))
    assert composed == plain


@pytest.mark.parametrize("prefix", ["", "celeryworker-1  | "])
def test_timestamps_in_front_change_nothing(prefix: str) -> None:
    plain = parsed("\n".join(CELERY))
    composed = parsed("".join(f"{prefix}{line}\n" for line in stamped(CELERY)))
    assert composed == plain


def test_a_worker_with_timestamps_has_two_instants_and_its_own_counts() -> None:
    text = "".join(f"worker-1  | 2026-11-23T15:30:00.9Z {line}\n" for line in WORKER)
    assert without_source(parsed(text)) == without_source(parsed("\n".join(WORKER)))


@pytest.mark.parametrize("with_timestamps", [False, True])
def test_services_that_talk_at_the_same_time_are_told_apart(with_timestamps: bool) -> None:
    """Three services in one stream, their lines mixed at random: each entry stays whole."""
    services = {"django-1": DJANGO, "celeryworker-1": CELERY, "worker-1": WORKER}
    rng = random.Random(3)
    queues = [
        [(rng.random(), n, f"{name:14} | {line}") for n, line in enumerate(lines)]
        for name, lines in (
            (name, stamped(lines) if with_timestamps else lines) for name, lines in services.items()
        )
    ]
    for queue in queues:  # random places, but each service's lines in their order
        places = sorted(place for place, _, _ in queue)
        queue[:] = [(place, *rest[1:]) for place, rest in zip(places, queue, strict=True)]
    mixed = [line for _, _, line in heapq.merge(*queues)]
    assert mixed != sorted(mixed)
    rows = parsed("\n".join(mixed))
    apart = [row for lines in services.values() for row in parsed("\n".join(lines))]
    key = str
    assert sorted(map(key, without_source(rows))) == sorted(map(key, without_source(apart)))
    assert {row["source"] for row in rows} == {"django", "celery", "worker"}


def test_lines_of_a_traceback_belong_to_the_line_above() -> None:
    text = (
        "django-1  | ERROR 2026-11-23 10:14:20,123 views 7 8 Internal Server Error: /api/v2/\n"
        "celery-1  | [2026-11-23 10:14:20,200: INFO/MainProcess] celery@vm ready.\n"
        "django-1  | Traceback (most recent call last):\n"
        'django-1  |   File "views.py", line 3, in get\n'
        "django-1  | \n"
        "django-1  | ValueError: no\n"
        "django-1  | INFO 2026-11-23 10:14:21,000 views 7 8 next\n"
    )
    error, ready, following = sorted(parsed(text), key=lambda row: row["logged_at"])
    assert error["message"] == (
        "Internal Server Error: /api/v2/\nTraceback (most recent call last):\n"
        '  File "views.py", line 3, in get\n\nValueError: no'
    )
    assert ready["kind"] == "process_started"
    assert following["message"] == "next"


def test_with_timestamps_a_late_line_is_one_of_its_own() -> None:
    """Docker stamps the lines of one entry together; a print a second later is none of it."""
    text = (
        "django-1  | 2026-11-23T15:14:20.123Z ERROR 2026-11-23 10:14:20,123 views 7 8 no\n"
        "django-1  | 2026-11-23T15:14:20.124Z Traceback (most recent call last):\n"
        "django-1  | 2026-11-23T15:14:22Z Watching for file changes\n"
    )
    first, second = parsed(text)
    assert first["message"] == "no\nTraceback (most recent call last):"
    assert second["logged_at"] == from_rfc3339("2026-11-23T15:14:22Z")
    assert (second["source"], second.get("kind")) == ("django", None)


def test_a_bar_in_a_line_makes_no_service() -> None:
    lines = ["name | value", "[2026-11-23 10:14:20] INFO a | b", "  3%|x| 1/30", "a-b | c"]
    rows = parsed("\n".join(lines), observed_at=1)
    assert [row["message"] for row in rows] == ["name | value", f"a | b\n{lines[2]}\n{lines[3]}"]


def test_celery_counts_of_a_mixed_stream() -> None:
    text = "".join(f"celeryworker-1  | {line}\n" for line in CELERY)
    acked = of_kind(parsed(text), "acked")
    assert acked
    assert {row["source"] for row in acked} == {"celery"}
