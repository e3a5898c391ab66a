"""What the table of jobs sends, and what of a browser it believes."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from recorded import JOBS, history_of
from staged_feed import HOSTILE, MOODS, Staged, StagedFeed

from ami_console import frames, metrics
from ami_console.apps.fleet_details import FleetDetails
from ami_console.apps.fleet_rows import SENT, FleetRows, difference, rows_of
from ami_console.apps.fleet_table import FleetTable
from ami_console.apps.lines import Lines
from ami_console.metrics.fleet import FLEET
from ami_console.metrics.in_flight import oldest_in_flight

UTC = ZoneInfo("UTC")
AT = pd.Timestamp("2026-11-23T15:10:20Z")


class Watched:
    """A staged feed and what the table shows of it."""

    def __init__(self, *jobs: Staged, until_s: float = 620.0) -> None:
        self.feed = StagedFeed(jobs, every_s=10.0)
        self.feed.play(until_s)
        self._lines, self._details = Lines(self.feed, is_live=True), FleetDetails(self.feed)

    def rows(self) -> FleetRows:
        as_of = self.feed.as_of()
        fleet = metrics.fleet(self.feed, as_of=as_of)
        self._lines.update(as_of)
        details = self._details.of(fleet, lines=self._lines, as_of=as_of)
        return rows_of(fleet, zone=UTC, as_of=as_of, details=details)

    def later(self, by_s: float = 10.0) -> FleetRows:
        self.feed.look(self.feed.now_s + by_s)
        return self.rows()


class Heard(FleetTable):
    """A table that keeps what it sends."""

    def __init__(self) -> None:
        self.chosen: list[int] = []
        super().__init__(self.chosen.append)
        self.sent: list[dict[str, Any]] = []
        self.widget._send_msg = lambda text: self.sent.append(json.loads(text))

    @property
    def first(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.widget.first)
        return told

    def told(self) -> dict[str, Any]:
        """What was sent since the last time, which is one message at most."""
        sent, self.sent = self.sent, []
        assert len(sent) <= 1
        return sent[0] if sent else {}


def places(pairs: list[Any]) -> set[str]:
    return {SENT[place] for place in pairs[::2]}


def test_no_jobs_are_no_rows() -> None:
    """The table begins empty."""
    rows = rows_of(frames.table([], FLEET), zone=UTC, as_of=AT)
    assert rows.cells == {}
    assert difference(None, rows) == {"order": []}
    assert difference(rows, rows) == {}


def test_what_is_not_known_is_sent_as_nothing() -> None:
    """A job that the broker alone knows: no number of it is invented."""
    rows = rows_of(frames.table([{"job_id": 7}], FLEET), zone=UTC, as_of=AT)
    cells = dict(zip(SENT, rows.cells[7], strict=True))
    texts = {name: cells.pop(name) for name in ("name", "project", "pipeline", "status")}
    assert texts == {"name": "not named", "project": "", "pipeline": "", "status": ""}
    known = {name: value for name, value in cells.items() if value is not None}
    assert known == {"job_id": 7, "finding_code": "", "finding_more": 0}


def test_the_first_rows_come_with_the_page() -> None:
    """No message is needed to see them; what came meanwhile follows when the browser is there."""
    watched, table = Watched(*MOODS[:2]), Heard()
    table.show(watched.rows(), chosen=3)
    assert table.first["order"] == [4, 3]
    assert table.widget.chosen == 3
    assert len(table.first["rows"][0]) == len(SENT) + 1
    table.show(watched.later(), chosen=3)
    table.tick(watched.feed.as_of() + pd.Timedelta(seconds=1))
    assert table.sent == []
    table._heard({"ready": True})
    told = table.told()
    assert set(told["cells"]) == {"3", "4"}
    assert told["as_of"] == table.first["as_of"] + 10


def test_only_cells_that_differ_are_sent() -> None:
    """A job moves and one stands still: of the second nothing is sent."""
    watched, table = Watched(MOODS[0], MOODS[2]), Heard()
    table.show(watched.rows(), chosen=None)
    table._heard({"ready": True})
    assert table.sent == []
    table.show(watched.later(), chosen=None)
    told = table.told()
    assert "rows" not in told
    assert "order" not in told
    ages, left = {"last_s", "oldest_s"}, {"num_pending", "eta_low_s", "eta_high_s"}
    moved = {"processed", "progress", "latency_p50_s"} | ages | left
    assert places(told["cells"]["3"]) <= moved
    assert places(told["cells"]["5"]) <= {"last_s"}
    assert len(json.dumps(told)) < 400


def test_a_sparkline_grows_by_a_minute() -> None:
    """Within a minute its last value alone may change; the browser moves the others itself."""
    watched, table = Watched(MOODS[0]), Heard()
    table.show(watched.rows(), chosen=None)
    minute = table.first["minute"]
    rates = table.first["rows"][0][-1]
    assert rates[-10:-1] == [96] * 9
    assert rates[:19] == [None] * 19
    table._heard({"ready": True})
    for _ in range(4):
        rows = watched.later()
    table.show(rows, chosen=None)
    assert table.told()["rates"] == {"3": [minute + 1, 96]}


def test_a_new_job_comes_whole_and_an_old_one_goes() -> None:
    """Somebody starts the next night; the list of yesterday is let go of."""
    before = rows_of(frames.table([{"job_id": 3}, {"job_id": 2}], FLEET), zone=UTC, as_of=AT)
    now = rows_of(frames.table([{"job_id": 4}, {"job_id": 3}], FLEET), zone=UTC, as_of=AT)
    told = difference(before, now)
    assert told["order"] == [4, 3]
    assert [row[0] for row in told["rows"]] == [4]
    assert set(told) == {"order", "rows"}


def test_a_table_that_is_drawn_anew_is_told_all_that_came_since() -> None:
    """The browser draws it once more with the first rows, which are old by now."""
    watched, table = Watched(*MOODS[:2]), Heard()
    table.show(watched.rows(), chosen=None)
    table._heard({"ready": True})
    table.show(watched.later(), chosen=None)
    once = table.told()
    table._heard({"ready": True})
    assert table.told() == once


def test_a_second_without_news_is_a_few_bytes() -> None:
    """Ages go on; a clock that stands still, in a pause, sends nothing."""
    watched, table = Watched(*MOODS[:2]), Heard()
    rows = watched.rows()
    table.show(rows, chosen=None)
    table._heard({"ready": True})
    table.show(rows, chosen=None)
    table.tick(rows.as_of)
    assert table.sent == []
    table.tick(rows.as_of + pd.Timedelta(seconds=1))
    assert table.told() == {"as_of": table.first["as_of"] + 1}


def test_only_a_job_that_is_shown_can_be_chosen() -> None:
    """A browser may send anything."""
    watched, table = Watched(*MOODS[:2]), Heard()
    table.show(watched.rows(), chosen=None)
    for message in ({"job": "3"}, {"job": 99}, {"job": True}, {"job": [3]}, {}, "job", None):
        table._heard(message)
    assert table.chosen == []
    table._heard({"job": 3})
    assert table.chosen == [3]


def test_texts_of_others_are_sent_as_they_are() -> None:
    """Escaped nowhere: the browser sets them as text, as its own test shows."""
    rows = Watched(MOODS[3]).rows()
    assert rows.cells[6][SENT.index("name")] == HOSTILE


def test_details_that_are_kept_up_to_date_are_those_of_a_fresh_look() -> None:
    """Worker died, redeliveries, a job that ended: look by look as if computed at once."""
    jobs = (MOODS[1], MOODS[4], MOODS[6])
    watched = Watched(*jobs, until_s=840.0)
    watched.feed.has_tap = True
    for _ in range(12):
        kept = watched.later()
    fresh = Watched(*jobs, until_s=0.0)
    fresh.feed = watched.feed
    fresh._lines, fresh._details = Lines(watched.feed, is_live=True), FleetDetails(watched.feed)
    pd.testing.assert_frame_equal(kept.frame, fresh.rows().frame)
    assert kept.rates == fresh.rows().rates
    by_job = kept.frame.set_index("job_id")
    assert by_job.loc[4, "attempts_low"] == 2  # max_deliver is 2
    assert by_job.loc[4, "attempts_high"] == 2
    assert by_job.loc[7, "oldest_s"] <= 900 + pd.Timestamp("2026-11-23T15:00:00Z").timestamp()


def test_an_instant_before_begins_anew() -> None:
    """A reader winds a recording back: nothing of later is told."""
    watched = Watched(MOODS[0], until_s=300.0)
    early = watched.feed.as_of()
    before = watched.rows()
    watched.later(300.0)
    fleet = metrics.fleet(watched.feed, as_of=early)
    lines = Lines(watched.feed, is_live=True)
    lines.update(early)
    details = watched._details.of(fleet, lines=lines, as_of=early)
    again = rows_of(fleet, zone=UTC, as_of=early, details=details)
    assert again.cells == before.cells
    assert again.rates == before.rates


@pytest.mark.parametrize("scenario", ["c_worker_crash", "b_no_worker"])
def test_the_oldest_in_flight_of_a_real_job(scenario: str) -> None:
    """A worker reserved images and died: one of them grows older until it is delivered again."""
    history = history_of(scenario, "looks")
    ends_at = history.frame("consumers").dropna(subset=["num_ack_pending"])["observed_at"].max()
    looks = history.frame("consumers", until=ends_at)
    details = FleetDetails(history)
    lines = Lines(history, is_live=False)
    fleet = metrics.fleet(history, as_of=ends_at)
    found = details.of(fleet, lines=lines, as_of=ends_at).rows.set_index("job_id")
    mine = found.loc[JOBS[scenario]]
    alone = oldest_in_flight(looks).set_index("job_id").loc[JOBS[scenario]]
    last = looks[looks["job_id"] == JOBS[scenario]].iloc[-1]
    if last["num_ack_pending"] == 0:
        assert pd.isna(mine["oldest_in_flight_at"])
    else:
        assert mine["oldest_in_flight_at"] == alone["oldest_in_flight_at"]
        assert mine["oldest_in_flight_at"] <= ends_at
