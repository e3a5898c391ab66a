"""Whatever is published below ``$JS.ACK`` and among the advisories."""

import socket
from collections.abc import Callable

import pytest

from ami_console.demo.servers import NatsServer
from ami_console.reading import Reading
from ami_console.settings import Settings
from ami_console.sources.tap import Tap
from ami_console.sources.tap_rows import advisory_row, image_of_task
from tests.input.properties import PROPERTIES, Property
from tests.waiting import until

ACK = "$JS.ACK.job_9.job-9-consumer.1.{}.6.1795449310256710216.7"


@pytest.mark.parametrize("tried", PROPERTIES["subjects"], ids=lambda tried: tried.holds.__name__)
def test_any_subject(tried: Property) -> None:
    """Anybody who may publish there can send anything."""
    tried.try_few()


@pytest.mark.servers
@pytest.mark.parametrize(
    "hostile",
    [
        b"PUB $JS.ACK.\xff\xfe 4\r\n+ACK\r\n",
        b"PUB $JS.EVENT.ADVISORY.STREAM.CREATED.\xff 0\r\n\r\n",
        b"PUB $JS.ACK.a \xff 4\r\n+ACK\r\n",
        b"HPUB $JS.ACK.a 10 14\r\nNATS/1.0\r\n+ACK\r\n",
        b"HPUB $JS.ACK.a 18 22\r\nNATS/1.0 \xff\xff\xff\r\n\r\n\r\n+ACK\r\n",
    ],
    ids=["subject", "advisory", "reply", "short headers", "headers"],
)
def test_the_tap_survives_what_is_no_text(nats_server: NatsServer, hostile: bytes) -> None:
    """Somebody acknowledges with a subject that is no text: the tap hears what comes after it.

    nats-server passes it on, and the reader of nats-py dies of it without a word.
    """
    heard: list[Reading] = []
    tap = Tap(Settings.from_environment(nats_server.environment(), dotenv=None), flush_s=0.1)
    tap.start(heard.append)
    try:
        until(lambda: bool(heard))
        with socket.create_connection(("127.0.0.1", nats_server.port)) as client:
            client.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
            client.sendall(hostile)
            client.sendall(f"PUB {ACK.format(5)} 4\r\n+ACK\r\nPING\r\n".encode())
            until(lambda: sequences(heard) == [5])
    finally:
        tap.stop()
    assert [reading.error for reading in heard] == [None] * len(heard)


def sequences(heard: list[Reading]) -> list[int]:
    return [row["stream_seq"] for reading in heard for row in reading.rows.get("acks", ())]


def test_a_kind_of_advisory_is_one_word() -> None:
    """The kind is shown and recorded: it is what JetStream has, and not what somebody made up."""
    row: Callable[[str], object] = lambda kind: advisory_row(  # noqa: E731
        f"$JS.EVENT.ADVISORY.STREAM.{kind}.job_3", None, observed_at=1
    )
    assert row("CREATED") is not None
    assert row("x" * 1_000_000) is None
    assert row("<script>") is None


def test_an_image_has_a_short_name() -> None:
    assert image_of_task('{"image_id": "321"}') == "321"
    assert image_of_task(f'{{"image_id": "{"9" * 1_000_000}"}}') is None
