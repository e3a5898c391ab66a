"""The card of workers and the links: what the logs tell of who did the work, and what not."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from recorded_jobs import Known, known

from ami_console import metrics
from ami_console.apps.links import job_links, job_url
from ami_console.apps.workers_card import WorkersCard, workers_card

UTC = ZoneInfo("UTC")


def text(told: Any) -> str:
    """What a reader reads."""
    plain = re.sub(r"<[^>]+>", " ", told.plain).replace("\u202f", "").replace("&#x27;", "'")
    return re.sub(r"\s+", " ", plain).strip()


def shown(told: Known, *, is_live: bool = False, every_s: float | None = None) -> WorkersCard:
    card = WorkersCard(every_s=every_s)
    card.show(
        told.job,
        told.log_events,
        sources=told.sources,
        is_live=is_live,
        as_of=told.as_of,
        zone=UTC,
    )
    return card


def test_a_worker_took_images_with_it() -> None:
    """48 fetched, 40 posted: the eight that are missing stand out."""
    said = text(shown(known("c_worker_crash", "looks", "job_log")).card.told)
    assert "client 340008 48 in 6 fetches of up to 8, 1 after the end 40 8 114" in said
    assert "in its hands, or lost with it" in said
    assert "workers that share a token are one client" in said
    assert "Which process saved the results is not known" in said


def test_processes_that_saved() -> None:
    """With Celery's log it is known who saved, and how fast."""
    said = text(shown(known("a_healthy", "looks", "django", "celery")).card.told)
    assert "ForkPoolWorker-1 108 0 435 ms" in said
    assert "is not known" not in said
    assert "in its hands" not in said


def test_a_silent_worker_of_an_active_job_is_loud() -> None:
    """It gave no sign for two minutes; one that just did is only told."""
    told = known("c_worker_crash", "looks", "job_log")
    clients = metrics.workers(told.log_events)
    last = clients["last_sign_at"].iloc[0]
    job = told.job
    job.row["is_final"] = False

    def said(seconds: float) -> str:
        as_of = last + pd.Timedelta(seconds=seconds)
        nobody = metrics.savers(told.log_events)
        return text(workers_card(clients, nobody, job, why=None, as_of=as_of, zone=UTC))

    assert "▲ silent for 2 min 00 s" in said(120)
    assert "silent" not in said(5)
    assert "5 s ago" in said(5)


@pytest.mark.parametrize(
    ("is_live", "every_s", "says"),
    [
        (False, None, "No log line was recorded."),
        (True, 0, "AMI_CONSOLE_JOB_LOGS_EVERY_S is 0"),
        (True, 15, "No log was read yet."),
    ],
)
def test_without_a_log_the_card_says_what_to_switch_on(
    is_live: bool, every_s: float | None, says: str
) -> None:
    """Only the broker was watched: nobody told of workers."""
    told = known("b_no_worker", "looks")
    said = text(shown(told, is_live=is_live, every_s=every_s).card.told)
    assert says in said
    assert "Client" not in said


def test_lines_without_workers() -> None:
    """The log was read, and nobody has fetched yet."""
    told = known("c_worker_crash", "looks", "job_log")
    early = Known(told.job, told.log_events.head(3), told.sources, told.as_of)
    assert "No line tells of a fetch or a result." in text(shown(early).card.told)


def test_a_client_with_markup_stays_text() -> None:
    """Pseudonyms are ours, but an imported file can hold anything."""
    told = known("c_worker_crash", "looks", "job_log")
    events = told.log_events.assign(client="<b>x</b>", process="<i>y</i>")
    html = shown(Known(told.job, events, told.sources, told.as_of)).card.told.html
    assert "<b>x" not in html
    assert "<i>y" not in html


@pytest.mark.parametrize(
    ("ui_url", "project_id", "url"),
    [
        ("https://antenna.example", 7, "https://antenna.example/projects/7/jobs/42"),
        ("https://antenna.example/ui/", None, "https://antenna.example/ui/jobs/42"),
        ("http://user:pass@localhost:4000/?x=1#y", 7, "http://localhost:4000/projects/7/jobs/42"),
        ("", 7, None),
        ("javascript:alert(1)//x", 7, None),
        ("ftp://host", 7, None),
        ("//host", 7, None),
        ("http://[", 7, None),
    ],
)
def test_where_a_job_stands_in_antenna(
    ui_url: str, project_id: int | None, url: str | None
) -> None:
    """An address with a password must not become a link; one that is none neither."""
    assert job_url(42, ui_url, project_id=project_id) == url


def test_a_link_opens_apart_and_says_what_is_missing() -> None:
    """It opens a new tab that can't reach back; without the setting it is told what to set."""
    html = job_links(42, 'https://antenna.example/?a="><b>', project_id=7).html
    assert '<a href="https://antenna.example/projects/7/jobs/42" target="_blank"' in html
    assert 'rel="noopener noreferrer"' in html
    assert "AMI_CONSOLE_PROJECT" not in html
    assert "AMI_CONSOLE_PROJECT" in job_links(42, "https://antenna.example").html
    assert "AMI_CONSOLE_ANTENNA_UI_URL" in job_links(42, "").html
    hostile = job_links(42, 'https://antenna.example/"onclick="x', project_id=7).html
    assert 'x"onclick' not in hostile
    assert '"onclick' not in hostile
