"""The notebook of the post-mortem, executed with whatever there is of a job."""

import gzip
from pathlib import Path

import pytest

from tests.notebooks.executed import execute, shown

ANTENNA = Path(__file__).parents[1] / "data" / "antenna" / "c_worker_crash"
SERVICES = {"django.log": "django-1", "celery.log.gz": "celeryworker-1", "fake_worker.log": "w-1"}
SENTENCE = (
    "At 15:16:26 UTC a worker took 8 images (messages 17 to 24 of the stream) and never returned "
    "them. After the ack wait of 10 s they came back and were handed out again at 15:16:38 UTC "
    "(delivery 2), and all 8 were done."
)
EIGHT = "[17, 18, 19, 20, 21, 22, 23, 24]"


def compose_log(into: Path) -> Path:
    """Logs of three services as ``docker compose logs`` shows them."""
    lines = []
    for name, service in SERVICES.items():
        content = (ANTENNA / name).read_bytes()
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
        lines += [f"{service:15} | {line}" for line in text.splitlines()]
    written = into / "compose.log"
    written.write_text("\n".join(lines) + "\n")
    return written


@pytest.mark.parametrize("way", ["recording", "log", "compose"])
def test_the_notebook_comes_to_the_cause_three_ways(way: str, tmp_path: Path) -> None:
    """The next morning, with a recording, with the job's log alone, or with compose logs alone."""
    paths = {
        "recording": [ANTENNA],
        "log": [ANTENNA / "final_detail.json.gz"],
        "compose": [compose_log(tmp_path)],
    }[way]
    choose = f"paths = {[str(path) for path in paths]!r}\njob_id = 6"
    book = execute(
        "post_mortem",
        tmp_path,
        {"AMI_CONSOLE_ANTENNA_TIMEZONE": "America/New_York"},
        instead={"choose": choose},
        more=('print(found.cause.code, found.cause.images["stream_seq"].tolist())',),
    )
    by_id = {cell.id: cell for cell in book.cells if cell.get("outputs")}
    (letter,) = (output.text for output in by_id["letter"].outputs)
    assert SENTENCE in letter
    assert "in America/New_York" in letter
    assert book.cells[-1].outputs[0].text == f"worker_lost {EIGHT}\n"
    page = "".join(shown(book))
    assert SENTENCE in page
    assert "A worker was lost with 8 images reserved" in page
    assert "operator@example.org" not in str(book)
