"""Tasks one by one: which come first, what became of each, and what is not known of it."""

import math
import re
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from recorded_jobs import known

from ami_console import frames
from ami_console.apps.task_rows import ORDERS, STRETCHES, TaskRow, task_rows
from ami_console.apps.tasks_panel import TasksPanel, tasks_head, tasks_table
from ami_console.metrics.tasks import TASKS
from ami_console.plots.tasks import IN_FLIGHT, PHASES

UTC = ZoneInfo("UTC")
ZERO = pd.Timestamp("2026-11-23T15:00:00Z")


def after(seconds: float) -> pd.Timestamp:
    return ZERO + pd.Timedelta(seconds=seconds)


def task(seq: int, took_s: float, **more: Any) -> dict[str, Any]:
    """A task that waited half of its time and was with a worker for the rest; no post is known."""
    return {
        "job_id": 3,
        "stream_seq": seq,
        "image_id": str(1000 + seq),
        "stored_at": ZERO,
        "first_delivered_at": after(took_s / 2),
        "delivered_at": after(took_s / 2),
        "acked_at": after(took_s),
        "queue_wait_s": took_s / 2,
        "latency_s": took_s,
        "max_delivery": 1,
    } | more


def tasks(*told: dict[str, Any]) -> pd.DataFrame:
    return frames.table(told, TASKS)


TOLD = tasks(
    task(1, 4.0),
    task(2, 30.0, max_delivery=2, delivered_at=after(25.0)),
    task(3, 9.0),
    task(4, 50.0),
    task(5, 8.0, max_delivery=3, is_late=True),
    task(6, 7.0, is_discarded=True),
    task(7, 6.0, acked_at=pd.NaT, posted_at=after(5.0), latency_s=pd.NA),
)


def numbers(found: Any) -> list[int | None]:
    return [row.stream_seq for row in found.rows]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("repeated", [5, 2, 4, 7, 3, 6, 1]),  # 7 is not settled: as slow as it is old
        ("slowest", [4, 7, 2, 3, 5, 6, 1]),
        ("newest", [4, 2, 3, 5, 6, 7, 1]),
        ("first", [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_the_order_is_the_readers(order: Any, expected: list[int]) -> None:
    """At 3 a.m. those that came back matter most; later perhaps the newest."""
    assert numbers(task_rows(TOLD, order=order)) == expected


def test_a_shelf_of_a_hundred_says_how_many_there_are() -> None:
    """Of many only the first are shown, and nobody takes them for all."""
    found = task_rows(TOLD, most=2)
    assert numbers(found) == [5, 2]
    assert (found.matched, found.total, found.repeated) == (7, 7, 2)


def test_what_became_of_each() -> None:
    """Settled, settled late, thrown away, being saved; of a job that is over it is not saved."""
    states = {row.stream_seq: row.state for row in task_rows(TOLD).rows}
    assert [states[seq] for seq in (1, 5, 6, 7)] == ["settled", "late", "discarded", "saving"]
    over = {row.stream_seq: row.state for row in task_rows(TOLD, is_over=True).rows}
    assert over[7] == "unsettled"


def test_those_given_up_come_first_but_not_when_a_result_came_after_all() -> None:
    """The broker gave up three messages; one of them was saved late."""
    found = task_rows(TOLD, given_up=[(2, None), (9, None), (None, "77")])
    assert [(row.stream_seq, row.image_id, row.state) for row in found.rows[:3]] == [
        (9, None, "given_up"),
        (None, "77", "given_up"),
        (5, "1005", "late"),
    ]
    assert (found.matched, found.total) == (9, 9)
    assert numbers(task_rows(TOLD, given_up=[(9, None)], search="9")) == [9]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("1003", [3]),
        (" 3 ", [3]),
        ("100", [5, 2, 4, 7, 3, 6, 1]),
        ("99", []),
        ("²", []),
        ("x'", []),
    ],
)
def test_one_image_is_looked_for(search: str, expected: list[int]) -> None:
    """By its id, or by the number of its message."""
    assert numbers(task_rows(TOLD, search=search)) == expected


def test_a_stretch_of_time() -> None:
    """Only what was settled, or else posted, between two instants."""
    found = task_rows(TOLD, order="first", since=after(5.0), until=after(8.0))
    assert numbers(found) == [5, 6, 7]
    assert (found.matched, found.total) == (3, 7)


def parts(row: TaskRow) -> list[tuple[str, float, float]]:
    return [(STRETCHES[number][0], begin, end) for number, begin, end in row.parts]


def test_a_bar_shows_what_is_known_and_leaves_the_rest_open() -> None:
    """Without a log worker and saving are one; without a look nothing is said of the wait."""
    rows = {row.stream_seq: row for row in task_rows(TOLD).rows}
    assert parts(rows[2]) == [
        ("queue wait", 0.0, 15.0),
        ("earlier attempts", 15.0, 25.0),
        ("worker and saving", 25.0, 30.0),
    ]
    assert parts(rows[7]) == [("queue wait", 0.0, 3.0), ("worker", 3.0, 5.0)]
    blind = tasks(
        task(1, 4.0, first_delivered_at=pd.NaT, delivered_at=pd.NaT, posted_at=after(3.0))
    )
    (row,) = task_rows(blind).rows
    assert parts(row) == [("saving", 3.0, 4.0)]
    assert math.isnan(row.again_s)
    assert task_rows(TOLD).scale_s == 50.0


def test_bars_have_the_stretches_and_colours_of_the_plot() -> None:
    """A bar in the table and one in a notebook must not disagree about what is green."""
    assert (*PHASES, IN_FLIGHT) == STRETCHES


def test_nothing_is_known() -> None:
    """No task: every order gives an empty list, with no scale and no error."""
    for order in ORDERS:
        found = task_rows(tasks(), order=order, search="1")
        assert (found.rows, found.matched, found.total, found.scale_s) == ((), 0, 0, 0.0)
        assert math.isnan(found.error_s)


def text(told: Any) -> str:
    """What a reader reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", told.plain).replace("\u202f", "")).strip()


def test_a_worker_died_and_eight_tasks_came_back() -> None:
    """Job 6 as it was: the eight come first, with the 12 s that the dead worker cost them."""
    told = known("c_worker_crash", "looks", "tap", "job_log", "django")
    found = task_rows(told.job.tasks)
    assert set(numbers(found)[:8]) == set(range(17, 25))
    assert all(12 < row.again_s < 13 for row in found.rows[:8])
    head = text(tasks_head(found, told.job))
    assert "± 0.4 s at most" in head
    assert "40 of 40 tasks. 8 are known to be delivered more than once." in head
    table = text(tasks_table(found, told.job, as_of=told.as_of, zone=UTC))
    assert "earlier attempts" in table
    assert "life, 0 – 29 s" in table


def test_an_estimate_says_so() -> None:
    """Nobody told of single tasks: the rows are estimated, and no image is made up."""
    told = known("m_slow_but_healthy", "looks")
    found = task_rows(told.job.tasks, most=3)
    assert "estimated from looks" in text(tasks_head(found, told.job))
    assert "a single row is not" in text(tasks_head(found, told.job))
    table = tasks_table(found, told.job, as_of=told.as_of, zone=UTC)
    assert "≈ " in text(table)
    assert "– is not known" in text(table)


def test_what_is_in_flight_is_counted_not_listed() -> None:
    """The broker says how many, not which; when it does not say, that is said."""
    told = known("c_worker_crash", "looks", "tap")
    running = told.job.row | {"is_final": False}
    consumer = told.job.consumer | {"num_ack_pending": 16, "num_pending": 1432}
    job = replace(told.job, row=running, consumer=consumer)
    head = text(tasks_head(task_rows(job.tasks), job))
    assert "In flight: 16, not yet delivered: 1432; which ones" in head
    job = replace(job, consumer=consumer | {"num_pending": pd.NA})
    assert "How many are in flight is not known." in text(tasks_head(task_rows(job.tasks), job))


def test_an_image_id_with_markup_stays_text() -> None:
    """An id is a text of Antenna's."""
    told = known("c_worker_crash", "looks", "tap")
    found = task_rows(tasks(task(1, 4.0, image_id="<img src=x onerror=alert(1)>")))
    html = tasks_table(found, told.job, as_of=told.as_of, zone=UTC).html
    assert "<img" not in html
    assert "&lt;img" in html


def test_the_panel_sends_only_news_and_answers_the_reader() -> None:
    """A second look at the same tasks sends nothing; a search or another order does."""
    told = known("c_worker_crash", "looks", "tap")
    panel, sent = TasksPanel(), []
    panel.show(told.job, is_live=True, as_of=told.as_of, zone=UTC)
    for pane in (panel.head, panel.table, panel.controls):
        pane.param.watch(lambda *events: sent.extend(events), ["html", "texts", "newer"])
    panel.show(told.job, is_live=True, as_of=told.as_of + pd.Timedelta(seconds=2), zone=UTC)
    assert sent == []
    act = panel.controls._handle_msg
    act({"act": "order", "order": "first"})
    assert 'data-order="first" data-focus="order:first" aria-pressed="true"' in (
        panel.controls.told.html
    )
    assert text(panel.table.told).index("10 ") > 0
    act({"act": "search", "value": "40"})
    assert "1 of 1 that fit “40”, of 40 in all." in text(panel.head.told)
    act({"act": "search", "value": "9999"})
    assert text(panel.table.told).startswith("No image begins with this")
    act({"act": "order", "order": "no such"})
    act({"act": "no such"})
    assert 'data-order="first" data-focus="order:first" aria-pressed="true"' in (
        panel.controls.told.html
    )
    other = replace(told.job, row=told.job.row | {"job_id": 7})
    panel.show(other, is_live=True, as_of=told.as_of, zone=UTC)
    assert "40 of 40 tasks." in text(panel.head.told)


def test_a_live_table_is_not_put_in_order_again_every_look() -> None:
    """Results come every second: the count in flight follows, the rows wait until one has read."""
    told = known("c_worker_crash", "looks", "tap")
    row = told.job.row | {"is_final": False}
    consumer = told.job.consumer | {"num_ack_pending": 16, "num_pending": 1432}
    evidence = told.job.evidence

    def job(number: int, out: int) -> Any:
        newer = replace(evidence, tasks=evidence.tasks.head(number))
        flight = consumer | {"num_ack_pending": out}
        return replace(told.job, row=row, consumer=flight, evidence=newer)

    def at(seconds: float) -> dict[str, Any]:
        return {"as_of": told.as_of + pd.Timedelta(seconds=seconds), "zone": UTC}

    panel = TasksPanel()
    panel.show(job(10, 16), is_live=True, **at(0))
    panel.show(job(12, 14), is_live=True, **at(2))
    assert "10 of 10 tasks." in text(panel.head.told)
    assert "In flight: 14" in text(panel.head.told)
    panel.show(job(20, 9), is_live=True, **at(11))
    assert "20 of 20 tasks." in text(panel.head.told)
    panel.show(job(19, 9), is_live=False, **at(12))  # in a replay every step counts
    assert "19 of 19 tasks." in text(panel.head.told)
