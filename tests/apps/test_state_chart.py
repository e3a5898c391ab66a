"""The job's story beside its charts: bars, marks and gaps; streamed small, told as text."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.events import Tap
from bokeh.layouts import column
from bokeh.resources import INLINE
from browsing import Visit
from recorded import JOBS, history_of

from ami_console import charts, metrics
from ami_console.apps.happenings_card import happenings_card
from ami_console.apps.job_charts import JobCharts
from ami_console.apps.states_head import states_head
from ami_console.charts import WallClock
from ami_console.diagnosis import verdicts
from ami_console.lanes import LANE_NAMES, MARKS
from ami_console.metrics.happenings import KINDS
from ami_console.metrics.spans import LANES, STATUS_TONES
from ami_console.metrics.story import Story, story

NEW_YORK = ZoneInfo("America/New_York")
HOSTILE = "<img src=x onerror=alert(1)>"


def seen(scenario: str, looks: int | None = None) -> tuple[Story, pd.DataFrame]:
    """The story of a real job and its timeline, whole or up to one of its looks."""
    history = history_of(scenario)
    job_id = JOBS[scenario]
    at = history.frame("consumers", job_id=job_id)["observed_at"]
    as_of = (
        at.iloc[looks - 1] if looks is not None else history.latest("reads")["observed_at"].max()
    )
    held = {
        name: history.frame(name, job_id=job_id, until=as_of)
        for name in ("jobs", "consumers", "counters")
    }
    reads = history.frame("reads", until=as_of)
    told = story(
        job_id,
        as_of=as_of,
        reads=reads,
        verdicts=verdicts(history, as_of=as_of, job_ids=[job_id]),
        **held,
    )
    return told, metrics.timeline(held["consumers"], counters=held["counters"], reads=reads)


def show(drawn: JobCharts, told: Story | None, timeline: pd.DataFrame) -> None:
    """Draw as the page does."""
    clock = WallClock.of(NEW_YORK, pd.Timestamp("2026-11-23T15:00:00Z"))
    rows = charts.bucketed(timeline, 0)
    drawn.show(rows, drawn="job", clock=clock, span_s=None, story=told)


def sources(drawn: JobCharts) -> dict[str, Any]:
    """What the small sources of the story hold."""
    held = (drawn.story.marks.source, drawn.story.gaps.source, drawn.states.sent.source)
    return {each.name: {k: list(v) for k, v in each.data.items()} for each in held}


def test_every_lane_event_and_status_has_its_look() -> None:
    """A kind is added, and nobody thinks of its mark."""
    assert set(LANES) == set(LANE_NAMES) - {"events"}
    assert set(MARKS) == set(KINDS) - {"source_gap", "paused"}
    assert len({mark.word for mark in MARKS.values()}) == len(MARKS)
    from ami_console.apps.formats import STATES  # noqa: PLC0415

    assert {status: state.tone for status, state in STATES.items()} == STATUS_TONES


def test_bars_and_marks_stand_at_wall_time() -> None:
    """11:40 on the axis is the 11:40 of Antenna's page."""
    drawn = JobCharts()
    show(drawn, *seen("k_api_down"))
    bars = pd.DataFrame(drawn.states.sent.source.data)
    unknown = bars[bars["word"] == "not known"].iloc[0]
    assert unknown["lane"] == "Antenna"
    assert unknown["hatch"].strip()
    begin = pd.Timestamp(unknown["left"], unit="ms")
    assert begin.floor("s") == pd.Timestamp("2026-11-23T11:40:14")
    marks = pd.DataFrame(drawn.story.marks.source.data)
    assert marks["word"].tolist() == ["started", "first fetch", "nobody fetches", "ended"]
    assert marks["title"].iloc[-1].startswith("Ended: SUCCESS; ")
    assert (bars["right"] <= marks["time"].max() + 60_000).all()


def test_the_story_grows_look_by_look() -> None:
    """What the browser holds is what a page opened just now would be sent."""
    grown, fresh = JobCharts(), JobCharts()
    for looks in (5, 20, 40, 90, 131):
        show(grown, *seen("k_api_down", looks))
    show(fresh, *seen("k_api_down", 131))
    assert sources(grown) == sources(fresh)


def test_what_did_not_change_is_not_sent() -> None:
    """Nothing new: no byte. One look later: only where the last bars end."""
    drawn, document = JobCharts(), Document()
    document.add_root(drawn.states.figure)
    sent: list[Any] = []
    document.on_change(sent.append)
    show(drawn, *seen("k_api_down", 60))
    sent.clear()
    show(drawn, *seen("k_api_down", 60))
    assert sent == []
    show(drawn, *seen("k_api_down", 61))
    (patch,) = [event for event in sent if event.model is _bars(drawn)]
    assert patch.kind == "ColumnsPatched"
    assert set(patch.patches) == {"right"}
    assert not [event for event in sent if event.model is drawn.story.marks.source]


def _bars(drawn: JobCharts) -> Any:
    return drawn.states.sent.source


def test_without_a_story_there_is_none() -> None:
    """Of another job nothing is known yet: the bars of the one before must not stay."""
    drawn = JobCharts()
    told, timeline = seen("c_worker_crash")
    show(drawn, told, timeline)
    assert len(_bars(drawn).data["left"]) > 5
    show(drawn, None, timeline)
    assert all(not rows for held in sources(drawn).values() for rows in held.values())


def test_gaps_of_the_broker_are_hatched_on_its_charts() -> None:
    """NATS was away: the charts of its numbers show since when and until when."""
    told, timeline = seen("a_healthy")
    gap = told.happenings.iloc[[0]].assign(
        kind=pd.array(["source_gap"], dtype="string"),
        subject=pd.array(["nats"], dtype="string"),
        at=told.happenings["at"].iloc[1],
        until_at=told.happenings["at"].iloc[2],
    )
    drawn = JobCharts()
    show(drawn, told._replace(happenings=gap), timeline)
    assert drawn.story.marks.source.data["time"].tolist() == []
    (begin,), (end,) = (drawn.story.gaps.source.data[side] for side in ("begin", "end"))
    assert end - begin == pytest.approx(
        (gap["until_at"].iloc[0] - gap["at"].iloc[0]).total_seconds() * 1000, abs=1
    )


def test_a_click_tells_its_minute() -> None:
    """What does the log say of this peak: the chart hands on the instant that was clicked."""
    picked: list[pd.Timestamp] = []
    drawn = JobCharts(picked.append)
    plot = drawn.figure("backlog")
    show(drawn, *seen("k_api_down"))
    wall = pd.Timestamp("2026-11-23T11:40:30").value / 1e6
    plot._trigger_event(Tap(plot, sx=1, sy=1, x=wall, y=3))
    assert picked == [pd.Timestamp("2026-11-23T16:40:30Z")]
    plot._trigger_event(Tap(plot, sx=1, sy=1, x=wall - 3_600_000, y=3))  # on the labels of the axis
    assert len(picked) == 1


def test_the_card_tells_every_event_as_text() -> None:
    """Read aloud, or without a chart: instant, word, sentence; and a reason from outside."""
    told, _ = seen("k_api_down")
    events = told.happenings
    events["reason"] = events["reason"].where(events["reason"].isna(), HOSTILE)
    card = happenings_card(events, as_of=events["at"].max(), zone=NEW_YORK)
    assert "<img" not in card.html
    assert any(HOSTILE in text for text in card.texts)
    assert card.html.count("<li") == len(events)
    assert card.html.index("11:41:56") < card.html.index("11:40:14")
    assert f'data-at="{events["at"].iloc[0].value}"' in card.html
    assert "lasted 1 min 08 s" in card.plain
    nothing = happenings_card(events.head(0), as_of=events["at"].max(), zone=NEW_YORK)
    assert "No source has told" in nothing.html


def test_the_head_says_in_words_what_the_lanes_show() -> None:
    """For who can't see the bars: the last stretch of each, and since when."""
    told, _ = seen("k_api_down", 75)
    as_of = told.spans["ends_at"].max()
    plain = states_head(told.spans, as_of=as_of, zone=NEW_YORK).plain
    assert re.search(r"Workers <b>nobody fetches</b> <[^>]+>since 11:40:14", plain)
    assert "Sources <b>no Antenna</b>" in plain
    over = seen("b_no_worker")[0].spans
    plain = states_head(over, as_of=over["ends_at"].max(), zone=NEW_YORK).plain
    assert re.search(r"Workers <b>nobody yet</b> <[^>]+>until 10:30:00", plain)
    nothing = states_head(told.spans.head(0), as_of=as_of, zone=NEW_YORK)
    assert "No source has told" in nothing.html


def test_in_a_browser_words_have_room_and_missing_is_a_dash(
    tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    """Pointed at where the broker told nothing: a dash, not NaN; words stand where they fit."""
    drawn = JobCharts()
    told, timeline = seen("k_api_down")
    gap = [name for name in timeline if name not in ("job_id", "observed_at")]
    timeline.loc[timeline.index[50:80], gap] = pd.NA
    show(drawn, told, timeline)
    page = tmp_path / "story.html"
    plots = column(drawn.states.figure, drawn.figure("throughput"), sizing_mode="stretch_width")
    page.write_text(file_html(plots, INLINE, title="story"))
    tab = visit(page.as_uri(), ready="canvas").page
    tab.wait_for_function(
        "() => Bokeh.documents[0]?.get_model_by_name('words').data.word.length > 0"
    )
    words = tab.evaluate(
        "() => Array.from(Bokeh.documents[0].get_model_by_name('words').data.word)"
    )
    assert {"not known", "nobody fetches", "all read"} <= set(words)
    assert "all handed out" not in words  # its bar is two seconds long
    middle = float(np.asarray(drawn.source.data["time"])[65])
    x, y = tab.evaluate(
        """(at) => {
          const plot = Bokeh.documents[0].get_model_by_name("throughput")
          const view = Bokeh.index.get_by_id(plot.id) ?? Bokeh.index.find_one(plot)
          const box = view.el.getBoundingClientRect()
          const bbox = view.frame.bbox
          return [box.left + view.frame.x_scale.compute(at), box.top + bbox.vcenter]
        }""",
        middle,
    )
    tab.mouse.move(x - 3, y)
    tab.mouse.move(x, y)
    values = tab.locator(".bk-tooltip-row-value")
    values.first.wait_for()
    told_there = [text.strip() for text in values.all_inner_texts()]
    assert told_there[1:] == ["–"] * len(drawn_lines())


def drawn_lines() -> tuple[charts.Series, ...]:
    """The lines of the chart that is pointed at."""
    return charts.chart("throughput").series
