"""What the page says of what is wrong, without a browser."""

import re

import pandas as pd
import pytest
from found import AT, HOSTILE, NEW_YORK, finding, judged, scene, text, unknown

from ami_console.apps.findings_card import findings_card, tab_title
from ami_console.apps.findings_rows import MOST_ROWS, rows_of, unknowns_of, worst_by_job
from ami_console.apps.formats import in_zone
from ami_console.diagnosis import Evidence


def test_a_finding_is_told_in_full() -> None:
    """3 a.m., one job is stuck: what, since when, why, what to do, how sure."""
    card = findings_card(judged(finding()), scene(names={4: "Night of 2026-11-22"}))
    assert text(card) == (
        "Needs attention ✕ 1 critical judged 2 s ago Job 4 Night of 2026-11-22 ✕ critical "
        "320 images are queued and no worker fetches them "
        "no_worker since 10:15:00, 9 min 02 s "
        "Nothing has moved since 10:15:03. "
        "Next step Start one with ami worker copy, or see docker compose ps copy. "
        "In doubt Whether it hangs or is gone. Wrong if num_waiting above 0 "
        "Explains slow, starved, which hold too. "
        "num_pending 320 NATS 10:24:00 num_waiting unknown NATS "
        "last_good_read_at 10:22:30 (1 min 32 s ago) Redis 10:24:00"
    )
    assert re.findall(r'<code><span data-v="\d+">', card.html)  # the commands
    assert 'data-job="4"' in card.html


def test_nothing_of_a_finding_is_trusted() -> None:
    """Somebody named a job after an exploit, and a server answers with another."""
    bad = finding(
        title=HOSTILE,
        why=HOSTILE,
        next_step=f"Run `{HOSTILE}`",
        doubt=HOSTILE,
        disproved_by=HOSTILE,
        evidence=(Evidence(name="error", value=HOSTILE, source=HOSTILE, observed_at=AT),),
    )
    source = finding("source_down", None, subject=HOSTILE, title=HOSTILE)
    blind = unknown("slow", 9, HOSTILE)
    many = [finding(job_id=100 + i, title=HOSTILE) for i in range(9)]
    names = dict.fromkeys(range(200), HOSTILE)
    for found in ([bad, source, blind], [bad, source, blind, *many]):
        card = findings_card(judged(*found), scene(names=names, failure=HOSTILE))
        assert HOSTILE in card.texts
        assert "<img" not in card.html


def test_severity_is_word_and_mark() -> None:
    """Not by colour alone; the worst first, of equals the older."""
    found = [
        finding("slow", 1, severity="info", title="C"),
        finding("redelivering", 2, severity="warning", title="B"),
        finding("no_worker", 3, since=AT - pd.Timedelta(minutes=1), title="A2"),
        finding("no_worker", 4, since=None, title="A3"),
        finding("no_worker", 5, title="A1"),
    ]
    told = text(findings_card(judged(*found), scene()))
    assert "✕ 3 critical ▲ 1 warning ● 1 info" in told
    places = [
        told.index(each) for each in ("A1", "A2", "A3", "Job 2 ▲ warning B", "Job 1 ● info C")
    ]
    assert places == sorted(places)
    assert "since when is not known" in told


def test_what_nobody_has_to_act_on_is_not_called_wrong() -> None:
    """Images wait their turn: fine."""
    told = text(findings_card(judged(finding(severity="info")), scene()))
    assert told.startswith("Worth knowing ● 1 info")


def test_the_worst_and_the_reader_s_job_are_unfolded() -> None:
    """The others show a line, and open on a click."""
    found = [finding(job_id=job_id) for job_id in (3, 4, 5)]
    html = findings_card(judged(*found), scene(chosen=5)).html
    opened = re.findall(r'data-key="no_worker:(\d)[^"]*" open', html)
    assert opened == ["3", "5"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "✓ Nothing is wrong: 3 jobs running; judged 2 s ago"),
        ({"running": 1}, "✓ Nothing is wrong: 1 job running; judged 2 s ago"),
        ({"running": 0}, "✓ Nothing is wrong: no job running; judged 2 s ago"),
        (
            {"is_live": False},
            "✓ Nothing was wrong: 3 jobs were running; judged as of 10:24:00",
        ),
    ],
)
def test_all_is_well(more: dict[str, object], said: str) -> None:
    """One calm line, with its age."""
    assert text(findings_card(judged(), scene(**more))) == said


def test_what_can_t_be_told_is_not_well() -> None:
    """NATS is down: silence of the checks is no good news."""
    card = findings_card(judged(unknown("slow", 4, "NATS can't be read.")), scene())
    assert text(card) == (
        "? Nothing is wrong, as far as can be told: 3 jobs running; judged 2 s ago "
        "? Can't tell for job 4: slow. NATS can't be read."
    )


@pytest.mark.parametrize("found", [[], [finding()]])
def test_an_old_judgement_says_so_loudly(found: list[object]) -> None:
    """The diagnosis hangs while the numbers go on: what it said may be over."""
    late = scene(as_of=AT + pd.Timedelta(seconds=75))
    told = text(findings_card(judged(*found), late))  # type: ignore[arg-type]
    assert told.startswith("Not judged for 1 min 15 s: what stands here is from 10:24:00")
    assert "Nothing is wrong" not in told
    slow = scene(as_of=AT + pd.Timedelta(seconds=75), every_s=30.0)
    assert "Not judged" not in text(findings_card(judged(*found), slow))  # type: ignore[arg-type]
    recorded = scene(as_of=AT + pd.Timedelta(seconds=75), is_live=False)
    assert "Not judged" not in text(findings_card(judged(*found), recorded))  # type: ignore[arg-type]


def test_nothing_judged_yet_is_not_all_is_well() -> None:
    """The page opens faster than the first judgement."""
    assert text(findings_card(None, scene())) == (
        "○ Not judged yet The first judgement comes in a moment."
    )
    assert "whether something is wrong is not known" in text(
        findings_card(None, scene(failure="judging failed"))
    )
    told = text(findings_card(judged(), scene(failure="judging failed in an unexpected way")))
    assert "The last look could not be judged" in told
    assert "in an unexpected way" in told
    assert "✓" not in told


def test_what_can_t_be_told_is_one_line_per_job_and_reason() -> None:
    """NATS is down: six checks of a job lack it."""
    found = [unknown(code, 4, "NATS can't be read since 15:20:10 UTC.") for code in ("a", "b")]
    found += [unknown("c", 4, "Redis told nothing of this job."), unknown("a", 5, "NATS …")]
    told = text(findings_card(judged(finding(), *found), scene()))
    assert "Can't tell for job 4: a, b. NATS can't be read since 10:20:10." in told
    assert "Can't tell for job 4: c. Redis told nothing of this job." in told
    assert "Can't tell for job 5: a. NATS …" in told


def test_what_can_t_be_told_of_many_jobs_is_one_line() -> None:
    """NATS is down, and a hundred jobs run."""
    found = [unknown(code, job_id, "NATS …") for job_id in range(100) for code in ("a", "b")]
    assert [(len(u.job_ids), u.codes) for u in unknowns_of(found)] == [(100, ("a", "b"))]
    told = text(findings_card(judged(*found), scene()))
    assert (
        "Can't tell for 100 jobs (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 88 more): a, b" in told
    )
    apart = [unknown("a", job_id, f"reason {job_id}") for job_id in range(100)]
    told = text(findings_card(judged(*apart), scene()))
    assert told.count("Can't tell") == 4
    assert "Nor for 96 more jobs" in told


def test_many_findings_of_one_kind_share_a_row() -> None:
    """The GPU machine is off: a hundred jobs have no worker, and one of them is the reader's."""
    found = [finding(job_id=job_id) for job_id in range(1, 101)]
    found.append(finding("slow", 7, severity="warning", title="Slow"))
    rows = rows_of(found, chosen=50).rows
    assert [(len(row.findings), row.first.code) for row in rows] == [
        (99, "no_worker"),
        (1, "no_worker"),
        (1, "slow"),
    ]
    told = text(findings_card(judged(*found), scene(chosen=50)))
    assert "✕ 100 critical ▲ 1 warning" in told
    assert "Images are queued and no worker fetches them 99 jobs" in told
    assert "and 69 more" in told


@pytest.mark.parametrize("number", [200, 5_000])
def test_a_page_of_many_findings_stays_small(number: int) -> None:
    """Everything is wrong with everything."""
    codes = ["no_worker", "slow", "starved", *(f"new_{i}" for i in range(60))]
    found = [
        finding(codes[i % len(codes)], i, severity=("critical", "warning")[i % 2])
        for i in range(number)
    ]
    card = findings_card(judged(*found), scene(chosen=3, names=dict.fromkeys(range(number), "n")))
    assert card.html.count("<details") <= MOST_ROWS
    assert len(card.html) < 400_000
    shown = rows_of(found, chosen=3)
    assert sum(len(row.findings) for row in shown.rows) + shown.left_out == number
    assert f"and {shown.left_out} more" in text(card)


def test_the_tab_counts_the_critical() -> None:
    """The page lies behind others."""
    assert tab_title(judged(finding(), finding(job_id=5)), "Antenna") == "(2) Antenna"
    assert tab_title(judged(finding(severity="warning")), "Antenna") == "Antenna"
    assert tab_title(None, "Antenna") == "Antenna"


def test_the_worst_of_each_job() -> None:
    """What the table of jobs shows."""
    found = [
        finding("slow", 4, severity="info"),
        finding("no_worker", 4),
        unknown("starved", 4, "…"),
        unknown("starved", 5, "…"),
        finding("source_down", None, subject="nats"),
    ]
    worst = worst_by_job(found)
    assert worst == {4: (3.0, "no_worker", 1), 5: (0.5, "starved", 0)}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("at 15:30:00 UTC, then 03:00:01 UTC", "at 10:30:00, then 22:00:01"),
        ("no time: 15:30, 99:30:00 UTC", "no time: 15:30, 99:30:00 UTC"),
    ],
)
def test_times_in_sentences_are_the_page_s(said: str, read: str) -> None:
    """Two zones on one page at 3 a.m. are one too many."""
    assert in_zone(said, NEW_YORK, as_of=AT) == read


def test_a_time_in_a_sentence_is_the_nearest() -> None:
    """Half an hour after midnight, 23:50 was yesterday: on the day when the clocks went back."""
    as_of = pd.Timestamp("2026-11-02T00:30:00Z")
    assert in_zone("23:50:00 UTC", NEW_YORK, as_of=as_of) == "18:50:00"
    assert in_zone("05:30:00 UTC", NEW_YORK, as_of=pd.Timestamp("2026-11-01T05:40Z")) == "01:30:00"
