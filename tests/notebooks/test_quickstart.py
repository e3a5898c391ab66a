"""The first notebook that somebody opens, on a recording and with nobody there to answer."""

import html
import re

import nbformat
import pytest
from executed import execute, shown
from recorded import readings

from ami_console.recording import RecordingWriter

NOBODY = {
    "AMI_CONSOLE_ANTENNA_URL": "http://somebody:planted-in-antenna@127.0.0.1:9",
    "AMI_CONSOLE_ANTENNA_TOKEN": "planted-token",
    "AMI_CONSOLE_NATS_URL": "nats://somebody:planted-in-nats@127.0.0.1:9",
    "AMI_CONSOLE_NATS_PASSWORD": "planted-password",
    "AMI_CONSOLE_NATS_TOKEN": "planted-nats-token",
    "AMI_CONSOLE_NATS_MONITOR_URL": "",
    "AMI_CONSOLE_REDIS_URL": "redis://:planted-in-redis@127.0.0.1:9/0",
    "AMI_CONSOLE_RABBITMQ_URL": "http://guest:planted-in-rabbit@127.0.0.1:9",
    "AMI_CONSOLE_ALERT_COMMAND": "notify planted-command",
}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """Executed on the recording of a real job whose worker died; nothing is running."""
    folder = tmp_path_factory.mktemp("quickstart")
    with RecordingWriter(folder / "recordings") as writer:
        for way in ("looks", "tap", "job_log"):
            writer.append_many(list(readings("c_worker_crash", way)))
    choose = "seen = console.recording()\njob_id = seen.jobs()[-1]"
    more = ("repr(console), repr(console.settings), vars(console.settings)", "dir(ami_console)")
    return execute("quickstart", folder, NOBODY, instead={"choose": choose}, more=more)


def text(book: nbformat.NotebookNode) -> str:
    """What a reader sees of the HTML of all cells."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", "\n".join(shown(book))))


def test_it_goes_from_a_look_to_a_verdict(book: nbformat.NotebookNode) -> None:
    """The recording takes the place of the watch: frames, a plot, a verdict, the job."""
    seen = text(book)
    assert "2026-11-23 15:1" in seen
    assert "Scenario C worker crash" in seen
    assert "40 of 40 images" in seen
    assert "num_ack_pending" in seen
    assert "-05:00" in seen  # local time
    (plot,) = [cell for cell in book.cells if cell.get("id") == "plot"]
    assert any("application/vnd.holoviews_exec.v0+json" in each.data for each in plot.outputs)


def test_who_does_not_answer_is_told_as_such(book: nbformat.NotebookNode) -> None:
    """Antenna, NATS and Redis are down: three reasons, and no number that looks like one."""
    (look,) = [cell for cell in book.cells if cell.get("id") == "look"]
    (told,) = shown(nbformat.v4.new_notebook(cells=[look]))
    assert told.count("✕ failed") == 3 + 1  # RabbitMQ too
    assert "No job is active" in told


def test_no_output_holds_a_secret(book: nbformat.NotebookNode) -> None:
    """The notebook is sent to a colleague with its outputs."""
    whole = nbformat.writes(book)
    assert "127.0.0.1:9" in whole
    assert "with a token" in whole
    assert "planted" not in whole


def test_nothing_is_fetched_from_elsewhere(book: nbformat.NotebookNode) -> None:
    """JupyterLab runs where there is no internet, and the plots are there."""
    whole = nbformat.writes(book)
    assert not re.findall(r"cdn\.(?:bokeh|holoviz)\.org", whole)


def test_the_tab_key_offers_what_is_for_people(book: nbformat.NotebookNode) -> None:
    """No imported module, no helper."""
    (names,) = [each for cell in book.cells[-1:] for each in cell.outputs]
    assert "'connect'" in names.data["text/plain"]
    assert "import_module" not in names.data["text/plain"]
