"""The page itself: everything is in it, nothing is fetched, and no text of others is markup."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from recorded import JOBS, ZONE, history_of

from ami_console.frames import FrameSource
from ami_console.metrics import Story
from ami_console.report import page, report_html
from ami_console.report.embedded import DATA_ID
from ami_console.report.material import Material

Found = Callable[[str], Material]
Paged = Callable[[str], str]

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&"
LIMIT = 3_000_000


class Read(HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self._open: dict[str, str | None] | None = None
        self._silent = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self._open = dict(attrs)
            self.scripts.append((self._open, ""))
        self._silent += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")
        if tag == "script":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data
        elif not self._silent:
            self.text += data


class Renamed:
    """A recording whose job is called as somebody liked, and whose log holds what somebody sent."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source

    def frame(self, name: str, **limits: Any) -> pd.DataFrame:
        return self._changed(name, self._source.frame(name, **limits))

    def latest(self, name: str, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
        return self._changed(name, self._source.latest(name, until=until))

    def _changed(self, name: str, rows: pd.DataFrame) -> pd.DataFrame:
        columns = {
            "jobs": ("name", "project", "pipeline", "status"),
            "log_events": ("message", "client", "image_ids"),
            "reads": ("error",),
            "acks": ("image_id",),
        }.get(name, ())
        changed = {
            column: rows[column].where(rows[column].isna(), f"{HOSTILE} {column}")
            for column in columns
        }
        if name == "log_events":
            changed["level"] = rows["level"].where(rows["level"].isna(), "ERROR")
        return rows.assign(**changed)


@pytest.mark.parametrize("scenario", JOBS)
def test_every_job_has_its_report(paged: Paged, scenario: str) -> None:
    """Healthy, without a worker, cancelled, with sources away: each has all parts, and is small."""
    html = paged(scenario)
    read = Read(html)
    assert len(html.encode()) < LIMIT
    heads = re.findall(r"<h2>([^<]+)", html)
    assert [head.strip() for head in heads] == [
        "What happened", "Cause", "Key numbers", "Verdicts over time", "Charts", "Attempts",
        "Images in trouble", "Configuration at the time", "What if", "Gaps of the sources",
        "What was not known", "Log", "How this was made",
    ]  # fmt: skip
    assert f"Job {JOBS[scenario]} " in read.text
    assert read.tags.count("h1") == 1
    assert not re.search(r"\b(nan|NaT|<NA>)\b|>None<", html.partition(DATA_ID)[0])


def test_the_eight_images_are_there_by_id(found: Found, paged: Paged) -> None:
    """A worker died with eight images: the report names the cause, and each of them."""
    told = found("c_worker_crash")
    text = Read(paged("c_worker_crash")).text
    assert len(told.told.images) == 8
    for image in told.told.images["image_id"]:
        assert str(image) in text
    assert told.told.cause.title in text
    assert "ack wait" in text
    assert "10 s" in text


def test_the_page_asks_nobody_for_anything(paged: Paged) -> None:
    """It is opened on a plane: no address in it is one that a browser would load."""
    read = Read(paged("a_healthy"))
    assert not {name for name, _ in read.attributes} & {"src", "href", "srcset", "action"}
    assert not {"link", "iframe", "object", "base", "form"} & set(read.tags)
    (policy,) = [value for name, value in read.attributes if name == "content" and value
                 and "default-src" in value]  # fmt: skip
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy
    script_part = policy.partition("script-src")[2].partition(";")[0]
    assert "unsafe-inline" not in script_part


def test_only_our_scripts_may_run(paged: Paged) -> None:
    """Should a text of others ever get into it unescaped, the browser refuses to run it."""
    html = paged("c_worker_crash")
    runs = [text for attributes, text in Read(html).scripts if "type" not in attributes]
    assert len(runs) == 2
    for text in runs:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in html


def test_texts_of_others_stay_texts() -> None:
    """A job is named after an attack, and so are its pipeline, its log lines and its images."""
    source = Renamed(history_of("c_worker_crash", "looks", "tap", "job_log"))
    html = report_html(source, 6, zone=ZONE)
    read = Read(html)
    assert "img" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert len(read.scripts) == 3
    for column in ("name", "pipeline", "message", "image_id"):
        assert f"{HOSTILE} {column}" in read.text or f"{HOSTILE.lower()} {column}" in read.text


def test_the_data_of_the_charts_can_not_end_its_element(found: Found) -> None:
    """An event's title holds </script>: the page must not end there."""
    told = found("c_worker_crash")
    events = told.story.happenings
    titles = events["title"].where(events["kind"] != "started", HOSTILE)
    story = Story(events.assign(title=titles), told.story.spans)
    html = page(replace(told, story=story))
    (held,) = [text for attributes, text in Read(html).scripts if attributes.get("id") == DATA_ID]
    assert "<" not in held
    assert HOSTILE in json.dumps(json.loads(held), ensure_ascii=False).replace('\\"', '"')


def test_no_path_of_the_machine_is_told(found: Found) -> None:
    """The file is sent to a colleague; where the recording lies is nobody's business."""
    told = replace(found("c_worker_crash"), names=("night 7",))
    text = Read(page(told)).text
    assert "ami-console report 6 --recording 'night 7' --out job-6.html" in text


def test_a_job_of_which_little_is_known_says_so() -> None:
    """Only the job's own log was kept: no look at the broker, no tap."""
    source = history_of("c_worker_crash", "job_log")
    text = Read(report_html(source, 6, zone=ZONE)).text
    assert "No look at the broker told how the job's consumer was set up." in text
    assert "The broker has not told of this job's queue." in text
    assert "nobody looked at the broker" in text


def test_looks_alone_say_that_times_are_estimated() -> None:
    """Nobody listened, no log was kept: what single images took is estimated, and marked so."""
    text = Read(report_html(history_of("a_healthy", "looks"), 3, zone=ZONE)).text
    assert "estimated" in text
    assert "how often each was tried is not known" in text
    assert "(estimate from looks)" in text


def test_many_images_are_all_listed_and_the_page_stays_small(found: Found) -> None:
    """44,000 images came back: every id is there, folded, and the file can still be sent."""
    told = found("c_worker_crash")
    one = told.told.images.head(1)
    many = one.loc[one.index.repeat(44_000)].reset_index(drop=True)
    many["image_id"] = pd.array([str(10**6 + n) for n in range(44_000)], dtype="string")
    html = page(replace(told, told=replace(told.told, images=many)))
    assert len(html.encode()) < LIMIT
    assert all(str(10**6 + n) in html for n in (0, 17_001, 43_999))
    assert "The first 300 of 44\u202f000" in html
    # Two thousand pages of ids are not what anybody wants to print.
    assert "<details><summary>the ids of all" in html


def test_a_changed_setup_and_a_gap_are_told(found: Found) -> None:
    """The consumer was changed while the job ran, and for a while nobody looked."""
    told = found("c_worker_crash")
    at = told.begins_at
    setup = pd.concat([told.configuration.assign(ack_wait_s=60.0, max_deliver=-1),
                       told.configuration])  # fmt: skip
    gap = {"source": [pd.NA], "begins_at": [at], "ends_at": [at + pd.Timedelta(seconds=90)],
           "is_open": [False], "reason": [pd.NA]}  # fmt: skip
    gaps = pd.DataFrame(gap).astype(told.gaps.dtypes.to_dict())
    text = Read(page(replace(told, configuration=setup, gaps=gaps))).text
    assert "It was changed while the job ran." in text
    assert "no limit" in text
    assert "nobody looked" in text
    assert "1 min 30 s" in text
