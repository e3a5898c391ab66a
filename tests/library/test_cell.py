"""What a notebook imports: objects that show themselves, and keep their secrets."""

import asyncio
import html
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from recorded import history_of, readings
from waiting import until

import ami_console
from ami_console import frames, markup
from ami_console.cell.apart import run_apart
from ami_console.cell.progress import Progress
from ami_console.cell.seen import Look
from ami_console.diagnosis import Evidence, Finding
from ami_console.errors import RecordingError, SettingsError, UnknownJobError
from ami_console.history import History
from ami_console.reading import Reading
from ami_console.recording import Recording, RecordingWriter
from ami_console.settings import Settings

CRASH = 6
NOON = pd.Timestamp("2026-11-23T12:00:00Z")
HOSTILE = '<img src=x onerror="alert(1)">'

NOBODY = {
    "AMI_CONSOLE_ANTENNA_URL": "http://somebody:planted-in-antenna@127.0.0.1:9",
    "AMI_CONSOLE_ANTENNA_TOKEN": "planted-token",
    "AMI_CONSOLE_NATS_URL": "nats://somebody:planted-in-nats@127.0.0.1:9",
    "AMI_CONSOLE_NATS_PASSWORD": "planted-password",
    "AMI_CONSOLE_NATS_MONITOR_URL": "",
    "AMI_CONSOLE_REDIS_URL": "redis://:planted-in-redis@127.0.0.1:9/0",
    "AMI_CONSOLE_EVERY_S": "0.2",
}


@pytest.fixture(scope="module")
def crash() -> History:
    """A real job whose worker died with eight images, told by looks, the tap and its log."""
    return history_of("c_worker_crash", "looks", "tap", "job_log")


@pytest.fixture
def job(crash: History) -> ami_console.Job:
    """That job."""
    return ami_console.Job(crash, CRASH)


def words(shown: str) -> str:
    """What a reader sees of HTML."""
    told = re.sub(r"<style>.*?</style>|<[^>]+>", " ", shown, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(told))


# The front door.


def test_importing_the_package_is_light() -> None:
    """``ami-console --help`` and every script would wait for Panel and pandas."""
    told = "import ami_console, sys; print('pandas' in sys.modules, 'panel' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_the_tab_key_offers_what_is_there_and_nothing_else() -> None:
    """Tab behind ``ami_console.`` and ``job.``: no imported module, no helper."""
    names = set(dir(ami_console))
    assert {"connect", "open_recording", "Job", "findings", "local", "plots"} <= names
    assert all(getattr(ami_console, name) is not None for name in names)
    assert not names & {"_import_module", "import_module", "TYPE_CHECKING", "Any"}
    assert {"throughput", "states", "extension"} <= set(dir(ami_console.plots))
    assert not set(dir(ami_console.plots)) & {"axes", "source", "hv", "pd", "tasks"}
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        ami_console.conect  # noqa: B018 - it is the asking that raises


# Into the live sources.


def test_secrets_are_in_no_output() -> None:
    """A cell shows the console, its settings, a look that failed, and all of their parts."""
    console = ami_console.connect(NOBODY)
    look = console.look()
    shown = [repr(console), console._repr_html_(), repr(console.settings), repr(vars(console))]
    shown += [repr(look), look._repr_html_(), look.sources().to_string()]
    whole = "\n".join(shown)
    assert "127.0.0.1:9" in whole
    assert "with a token" in whole
    assert "planted" not in whole


def test_settings_come_from_where_one_says(tmp_path: Path) -> None:
    """A file that a demo named, and is gone with it; one with a slip; settings that are made."""
    path = tmp_path / "settings.env"
    with pytest.raises(SettingsError, match=r"no file .*settings\.env"):
        ami_console.connect(path)
    path.write_text("AMI_CONSOLE_ANTENNA_URL='http://localhost:8123'\n")
    assert ami_console.connect(str(path)).settings.antenna_url.shown == "http://localhost:8123"
    path.write_text("AMI_CONSOLE_ANTENA_URL='http://localhost:8123'\n")
    with pytest.raises(SettingsError, match="ANTENA_URL"):
        ami_console.connect(path)
    settings = Settings(every_s=7.0)
    assert ami_console.connect(settings).settings is settings


async def test_one_look_needs_no_await_where_a_loop_runs() -> None:
    """In JupyterLab a loop is running in the very thread that asks; nobody answers."""
    assert asyncio.get_running_loop().is_running()
    look = ami_console.connect(NOBODY).look()
    assert not look.ok
    assert look.jobs() == []
    assert look.fleet().empty
    assert look.sources()["age_s"].isna().all()
    told = words(look._repr_html_())
    assert told.count("✕ failed") == 3
    assert "No job is active" in told


def test_an_interrupt_ends_a_watch_and_keeps_what_was_seen() -> None:
    """Stop in JupyterLab's menu: the cell ends now, the connections too, the looks stay."""
    console = ami_console.connect(NOBODY)

    def stop() -> None:
        until(lambda: console.watched is not None and len(console.watched.frame("reads")) > 0)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        console.watch(for_s=60)
    assert time.monotonic() - began < 30
    assert console.watched is not None
    assert not console.watched.running
    assert len(console.watched.frame("reads")) > 0


def test_a_watch_in_the_background_ends_with_its_console() -> None:
    """The next cell runs at once; leaving ``with`` closes all connections."""
    with ami_console.connect(NOBODY) as console:
        watched = console.watch(for_s=None)
        assert watched.running
        until(lambda: set(watched.sources()["ok"].dropna()) == {False})
        assert "and it goes on" in repr(watched)
        assert watched.findings().as_of is not None
    assert not watched.running
    assert not any(thread.name == "collector" for thread in threading.enumerate())
    assert "antenna FAILED" in repr(watched)


def test_a_watch_that_has_seen_nothing_says_so() -> None:
    """Shown before the first answer."""
    seen = Look(History(), Settings())
    assert seen.first_at is seen.last_at is None
    assert seen.findings() == []
    assert words(seen.findings()._repr_html_()).strip() == "Not judged: nothing has been seen"
    assert "not read" in words(seen._repr_html_())


def test_what_was_asked_apart_comes_back_or_is_ended() -> None:
    """An error of the question is the cell's; an interrupt ends the question."""

    async def fails() -> None:
        raise TimeoutError("too late")

    with pytest.raises(TimeoutError, match="too late"):
        run_apart(fails)

    ended = threading.Event()

    async def lasts() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    def interrupted(waited_s: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_apart(lasts, tick=interrupted)
    assert ended.wait(10)


def test_frames_print_in_order() -> None:
    """A source answered job by job: rows of one look in the order of the jobs, numbered from 0."""
    history = History()
    at = NOON.value
    for job_id in (9, 3):
        row = {"observed_at": at, "job_id": job_id, "status": "STARTED"}
        history.add(Reading(source="antenna", observed_at=at, rows={"jobs": [row]}))
    seen = Look(history, Settings())
    for rows in (seen.frame("jobs"), seen.latest("jobs")):
        assert rows["job_id"].tolist() == [3, 9]
        assert rows.index.tolist() == [0, 1]
    assert seen.jobs() == [3, 9]
    assert seen.frame("jobs", job_id=9)["job_id"].tolist() == [9]


def test_a_job_that_nobody_knows_is_none_of_a_watch() -> None:
    """Asked for job 99, Antenna says 404 and NATS has no stream: there is nothing to choose."""
    history, at = History(), NOON.value
    row: dict[str, Any] = {"observed_at": at, "job_id": 99}
    rows = {"jobs": [row], "consumers": [row | {"stream_exists": False}], "counters": [row]}
    history.add(Reading(source="antenna", observed_at=at, rows=rows))
    assert Look(history, Settings()).jobs() == []


# Progress.


def test_progress_is_one_moving_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script in a terminal: the line is replaced, cut to the width, and wiped at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(quiet_s=0) as progress:
        progress.say("looking " * 30)
        progress.say("looking again")
    told = capsys.readouterr().err.split("\r\x1b[K")
    assert [len(line) <= 79 for line in told] == [True] * 4
    assert told[2:] == ["looking again", ""]


def test_progress_says_nothing_where_nobody_reads(capsys: pytest.CaptureFixture[str]) -> None:
    """A cron job: no line in its mail; nor for what is done at once."""
    with Progress(quiet_s=0) as progress:
        progress.say("looking")
        progress.end("looked")
    with Progress() as progress:
        progress.say("looking")
    assert capsys.readouterr().err == ""


# Findings.


def finding(**told: Any) -> Finding:
    """A finding with hostile texts."""
    usual: dict[str, Any] = {
        "code": "no_worker",
        "severity": "critical",
        "job_id": 3,
        "title": f"Nobody fetches {HOSTILE}",
        "since": NOON,
        "as_of": NOON + pd.Timedelta(minutes=2),
        "why": f"because {HOSTILE}",
        "next_step": f"run {HOSTILE}",
        "evidence": [Evidence(name="num_pending", value=HOSTILE, source=HOSTILE)],
    }
    return Finding(**(usual | told))


def test_findings_show_themselves_and_nothing_runs() -> None:
    """A job's name is markup: in a cell it is text."""
    found = ami_console.Findings(
        [
            finding(),
            finding(severity="warning", job_id=None, subject="nats"),
            finding(outcome="cant_tell", severity="info"),
        ],
        as_of=NOON,
    )
    for shown in (found._repr_html_(), found[0]._repr_html_()):
        assert "<img" not in shown
        assert HOSTILE in words(shown)
    told = words(found._repr_html_())
    assert "Findings: 1 critical, 1 warning; 1 that can't be told, as of 2026-11-23 12:00" in told
    assert "? Can't tell for job 3: no_worker" in told
    assert repr(found).splitlines()[1].startswith("critical  job 3: Nobody fetches")


def test_findings_as_a_frame() -> None:
    """Typed and in order, with rows and without."""
    found = ami_console.Findings([finding(), finding(job_id=None, since=None)], as_of=NOON)
    rows = found.frame()
    assert rows["job_id"].tolist() == [3, pd.NA]
    assert rows["since"].isna().tolist() == [False, True]
    nothing = ami_console.Findings([], as_of=NOON)
    assert nothing.frame().dtypes.equals(rows.dtypes)
    assert words(nothing._repr_html_()).strip().startswith("Findings: nothing is wrong, as of")


def test_findings_of_a_recording_as_of_then(crash: History) -> None:
    """While the images were out they are said to come back; at the end all is well."""
    then = ami_console.findings(crash, job=CRASH, as_of=pd.Timestamp("2026-11-23T15:16:42Z"))
    assert [each.code for each in then] == ["redelivering"]
    assert ami_console.findings(crash, job=CRASH) == []
    with pytest.raises(UnknownJobError, match="choose from: 6"):
        ami_console.findings(crash, job=99)


# A job.


def test_a_job_shows_its_numbers(job: ami_console.Job) -> None:
    """The first cell of the morning: name, status, progress, what was wrong, how fast."""
    assert repr(job) == "Job(6 Scenario C worker crash: SUCCESS, 40 of 40 images)"
    told = words(job._repr_html_())
    assert "Job 6: Scenario C worker crash" in told
    assert "✓ success" in told
    assert "8, of 8 images; most attempts of one: 2" in told
    assert "Earlier, and over" in told
    assert "redelivering" in told
    assert job.summary()["redelivered_tasks"] == 8


def test_a_job_as_it_was_known_then(crash: History) -> None:
    """Wound back to the middle of it: nothing later is told, by any of its methods."""
    then = pd.Timestamp("2026-11-23T15:16:42Z")
    job = ami_console.Job(crash, CRASH, as_of="2026-11-23T15:16:42")
    assert job.as_of == then
    assert job.status == "STARTED"
    assert [each.code for each in job.findings()] == ["redelivering"]
    # A log tells whole seconds: such an instant is the middle of one.
    assert job.tasks()["acked_at"].max() <= then + pd.Timedelta(milliseconds=500)
    assert job.timeline()["observed_at"].max() <= then
    assert job.story()["at"].max() <= then
    assert job.frame("acks")["observed_at"].max() <= then
    assert job.post_mortem().as_of == then


def test_what_can_be_asked_of_a_job(job: ami_console.Job, tmp_path: Path) -> None:
    """Frames with the rows that the recording is known to hold."""
    assert job.attempts()["tasks"].tolist() == [32, 8]
    assert job.verdicts()["code"].tolist() == ["redelivering"]
    assert "8 images were handed out again" in job.story()["title"].tolist()
    assert sorted(job.images()["stream_seq"]) == list(range(17, 25))
    assert job.what_if().ack_wait_s == 10
    assert job.workers()["tasks_fetched"].tolist() == [48]
    assert job.post_mortem().cause.code == "worker_lost"
    report = job.report(tmp_path / "job.html", zone="America/New_York")
    assert "Scenario C worker crash" in report.read_text(encoding="utf-8")


def test_the_log_of_a_while(job: ami_console.Job) -> None:
    """From an instant on, and up to another: told without a zone they are UTC."""
    lines = job.log("2026-11-23T15:16:26", "2026-11-23T15:16:28")
    at = lines["logged_at"]
    assert len(lines) > 0
    assert at.is_monotonic_increasing
    assert (at >= pd.Timestamp("2026-11-23T15:16:26Z")).all()
    assert (at < pd.Timestamp("2026-11-23T15:16:28Z")).all()
    assert len(job.log()) == len(job.frame("log_events"))
    assert job.log(pd.NaT, pd.NaT).empty


def test_frames_of_a_job_belong_to_who_asked(job: ami_console.Job) -> None:
    """A researcher overwrites a column in one cell; the next cell asks anew."""
    mine = job.tasks()
    mine["latency_s"] = 0.0
    assert job.tasks()["latency_s"].min() > 0


def test_a_job_of_a_watch_grows_with_it() -> None:
    """Half of it was seen, then the rest: the same object tells of all of it."""
    history = History(keep_s=1e6)
    told = list(readings("c_worker_crash", "looks"))
    half = len(told) // 2
    for reading in told[:half]:
        history.add(reading)
    job = ami_console.Job(history, CRASH)
    before, as_of = job.summary()["processed"], job.as_of
    for reading in told[half:]:
        history.add(reading)
    assert before < 40
    assert job.summary()["processed"] == 40
    assert as_of is not None
    assert job.as_of is not None
    assert job.as_of > as_of


def test_a_job_that_is_not_there(crash: History) -> None:
    """A slip of the finger: the message says which there are."""
    with pytest.raises(UnknownJobError, match="nothing is known of job 7; jobs to choose from: 6"):
        ami_console.Job(crash, 7)


# Recordings and times.


def recorded(path: Path, *names: str) -> Recording:
    """A recording of one job for each of these names, a look a minute."""
    with RecordingWriter(path) as writer:
        for number, name in enumerate(names):
            at = NOON.value + number * 60 * 10**9
            row = {"observed_at": at, "job_id": number + 1, "name": name, "status": "STARTED"}
            writer.append(Reading(source="antenna", observed_at=at, rows={"jobs": [row]}))
    return ami_console.open_recording(path)


def test_a_recording_shows_what_is_in_it(tmp_path: Path) -> None:
    """Which jobs, from when to when; their names are text."""
    recording = recorded(tmp_path / "r", HOSTILE, "Mont-Mégantic")
    shown = recording._repr_html_()
    assert "<img" not in shown
    told = words(shown)
    assert "2026-11-23 12:00:00 UTC to 2026-11-23 12:01:00 UTC, 1 min 00 s" in told
    assert "2 jobs" in told
    assert "▶" in told
    assert told.index("Mont-Mégantic") < told.index("<img")  # the newest first
    many = recorded(tmp_path / "many", *[f"night {n}" for n in range(30)])
    assert "30 jobs, the newest 25 of them" in words(many._repr_html_())


def test_a_recording_says_what_is_damaged(tmp_path: Path) -> None:
    """A disk had a bad day: the file is named, the rest is shown."""
    recorded(tmp_path / "r", "Mont-Mégantic")
    for part in (tmp_path / "r").glob("frame=jobs/*/*.parquet"):
        part.write_bytes(part.read_bytes()[:-7])
    told = words(ami_console.open_recording(tmp_path / "r")._repr_html_())
    assert "Damaged, and left out" in told
    assert "frame=jobs" in told


def test_a_recording_without_a_look(tmp_path: Path) -> None:
    """Opened before the first one."""
    RecordingWriter(tmp_path / "r").close()
    told = words(ami_console.open_recording(tmp_path / "r")._repr_html_())
    assert "Nothing has been recorded yet" in told


def test_the_recording_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is named: the one that the settings name, or a message that names it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordingError, match="recordings"):
        ami_console.open_recording()
    recorded(tmp_path / "recordings", "Mont-Mégantic")
    assert ami_console.open_recording().jobs() == [1]
    assert ami_console.connect(NOBODY).recording().jobs() == [1]


def test_local_times_are_the_same_instants(
    crash: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Compared with what Antenna's pages say; no column of time is left in UTC."""
    monkeypatch.chdir(tmp_path)
    jobs = crash.frame("jobs")
    there = ami_console.local(jobs)
    assert str(there["observed_at"].dt.tz) == "America/New_York"
    times = [name for name, dtype in frames.schema("jobs").items() if dtype == frames.TIME]
    assert all(str(there[name].dt.tz) == "America/New_York" for name in times)
    assert (there["observed_at"] == jobs["observed_at"]).all()
    assert str(jobs["observed_at"].dt.tz) == "UTC"
    assert str(ami_console.local(jobs, "Europe/Berlin")["created_at"].dt.tz) == "Europe/Berlin"


# What HTML is made of.


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT, float("nan")])
def test_what_is_missing_is_a_dash(missing: object) -> None:
    """A source that did not answer must not read as 0."""
    shown = [
        markup.count(missing),
        markup.measure(missing),
        markup.duration(missing),
        markup.instant(missing),
        markup.safe(missing),
    ]
    assert shown == ["–"] * 5
    assert "not known" in markup.status(missing)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.21, "210 ms"), (4.2, "4.2 s"), (8, "8 s"), (59.4, "59 s"), (65, "1 min 05 s"),
     (3_599.6, "1 h 00 min"), (8_000, "2 h 13 min"), (90_000, "1 d 1 h")],
)  # fmt: skip
def test_durations_are_read_by_people(seconds: float, text: str) -> None:
    """Two units at most."""
    assert markup.duration(seconds) == text


def test_tables_escape_all_that_is_not_html() -> None:
    """Headings, captions and values come from anywhere."""
    shown = markup.table([{HOSTILE: HOSTILE}], caption=HOSTILE)
    shown += markup.pairs({HOSTILE: HOSTILE}) + markup.card(HOSTILE, markup.paragraph(HOSTILE))
    assert "<img" not in shown
    assert markup.table([]) == ""
