"""Servers die, hang, forget, talk nonsense while a watch records and serves: the telling slice.

Every fault of every source is played by ``python -m benchmarks.faults``.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from browsing import Visit
from waiting import until

from ami_console.demo.servers import NatsServer
from ami_console.reading import Reading
from ami_console.recording import open_recording
from ami_console.settings import Address, Settings
from ami_console.sources.jetstream import JetstreamSource
from benchmarks.fault_page import Tab
from benchmarks.fault_proxy import Proxy
from benchmarks.fault_watch import Watch, watching
from benchmarks.faults import Outcome, play

pytestmark = pytest.mark.servers

EVERY_S = 0.5


@pytest.fixture(scope="module")
def direct() -> Iterator[Watch]:
    """A watch whose servers can be killed, frozen and emptied."""
    with watching(every_s=EVERY_S) as watch:
        yield watch


@pytest.fixture(scope="module")
def proxied() -> Iterator[Watch]:
    """A watch whose servers' answers can be spoiled on the way."""
    with watching(every_s=EVERY_S, through_proxies=True) as watch:
        yield watch


def check(watch: Watch, outcome: Outcome, *words: str) -> None:
    """What holds for every fault: a gap that names its reason, nothing invented, soon live.

    And the recording that is still written opens with all of it.
    """
    assert outcome.invented == []
    assert outcome.looks_to_live is not None
    assert outcome.looks_to_live <= 2
    assert outcome.lost_looks <= 1
    assert [word for word in words if word not in outcome.said] == []
    reads = open_recording(watch.recording).frame("reads")
    failed = reads[~reads["ok"].fillna(True).astype(bool)]
    assert len(failed) >= outcome.gap_looks
    assert failed["error"].notna().all()


def test_the_stand_in_is_killed_and_a_browser_watches(
    direct: Watch, visit: Callable[[str], Visit]
) -> None:
    """Antenna's web server crashes and is started again: what an operator's open page says."""
    drawn = direct.page
    direct.page = Tab(visit(direct.url).page)
    try:
        outcome = play(direct, "antenna", "killed", lasts_s=0, after_s=0)
    finally:
        direct.page = drawn
    check(
        direct,
        outcome,
        "can't be read",
        "Antenna has not answered since",
        "what is shown of it is from then",
        "Antenna at http://127.0.0.1:",  # refused, or broken off: it may die in mid-answer
        "AMI_CONSOLE_ANTENNA_URL",
    )
    assert outcome.gap_looks >= 1


@pytest.mark.parametrize("source", ["nats", "redis"])
def test_a_broker_is_killed(direct: Watch, source: str) -> None:
    """``kill -9``, and the data are still there when it is back."""
    outcome = play(direct, source, "killed", lasts_s=0, after_s=0)
    check(direct, outcome, "127.0.0.1:", f"AMI_CONSOLE_{source.upper()}_URL")


def test_a_frozen_broker(direct: Watch) -> None:
    """SIGSTOP: it takes connections and says nothing. Nobody else's look waits for it."""
    outcome = play(direct, "nats", "frozen", lasts_s=0, after_s=0)
    check(direct, outcome, "NATS at nats://", "no answer within 5 s", "AMI_CONSOLE_NATS_URL")


def test_brokers_that_come_back_empty(direct: Watch) -> None:
    """Restarted without a volume: that streams and counters are gone is read, not guessed."""
    for source, frame in (("nats", "consumers"), ("redis", "counters")):
        long_job = int(direct.collector.history.latest(frame)["job_id"].min())
        check(direct, play(direct, source, "emptied", lasts_s=0, after_s=0))
        newest = direct.collector.history.frame(frame, job_id=long_job).iloc[-1]
        if frame == "counters":
            assert newest[["total", "ttl_s"]].isna().all()
        else:
            assert not newest["stream_exists"]
            assert newest[["num_pending", "delivered_stream_seq"]].isna().all()


def test_redis_answers_garbage(proxied: Watch) -> None:
    """Noise, and the sign-in page of a hotel's network, in place of its answers."""
    outcome = play(proxied, "redis", "garbage", lasts_s=0, after_s=0)
    check(proxied, outcome, "Redis at redis://", "AMI_CONSOLE_REDIS_URL")


def test_rest_breaks_off_in_mid_body(proxied: Watch) -> None:
    """Connections die after some bytes of an answer, headers or half of the JSON."""
    outcome = play(proxied, "antenna", "cut", lasts_s=0, after_s=0)
    check(proxied, outcome, "Antenna at http://", "breaks off", "AMI_CONSOLE_ANTENNA_URL")


async def seen(source: JetstreamSource, *, within_s: float = 10.0) -> Reading:
    return await asyncio.wait_for(source.read([]), within_s)


async def given_up(source: JetstreamSource) -> None:
    with pytest.raises(TimeoutError):
        await seen(source, within_s=0.2)


async def test_a_connection_that_is_lost_without_a_word(nats_server: NatsServer) -> None:
    """A router forgets it: no reset comes, and nats-py would think it alive for four minutes."""
    with Proxy(nats_server.port) as proxy:
        plain = Settings.from_environment(nats_server.environment(), dotenv=None)
        settings = replace(
            plain,
            nats_url=Address(f"nats://127.0.0.1:{proxy.port}"),
            nats_monitor_url=Address(""),
        )
        source = JetstreamSource(settings)
        assert (await seen(source)).ok
        for _ in range(3):
            with proxy.spoiling("swallowed"):
                await given_up(source)
                await given_up(source)
            assert (await seen(source)).ok
        await source.aclose()
        until(lambda: proxy.open_links == 0)  # what was given up was closed


@pytest.mark.parametrize("frozen_looks", [2, 3, 4])
async def test_the_port_is_asked_again_when_nats_is_back(
    nats_server: NatsServer, frozen_looks: int
) -> None:
    """The API costs an advisory a job and look: not a minute of them after every hiccup."""
    source = JetstreamSource(Settings.from_environment(nats_server.environment(), dotenv=None))
    assert (await seen(source)).error is None
    nats_server.pause()
    for _ in range(frozen_looks):
        await given_up(source)
    nats_server.resume()
    looks = [await seen(source), await seen(source)]
    assert looks[1].error is None
    assert looks[1].job_ids == frozenset()
    await source.aclose()
