"""The collector on a whole stand-in: jobs move, servers go and come back."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pandas as pd
import pytest
from waiting import until

from ami_console.collector import Collector
from ami_console.demo.servers import NatsServer, TlsFiles
from ami_console.demo.stack import Stack
from ami_console.metrics import fleet, source_ages, timeline
from ami_console.settings import Settings

pytestmark = pytest.mark.servers

MEMBER_OF = {"redis": "redis", "nats": "nats", "antenna": "antenna"}


def ages(collector: Collector) -> pd.DataFrame:
    reads = collector.history.latest("reads")
    return source_ages(reads, as_of=pd.Timestamp.now("UTC")).set_index("source")


def looks(collector: Collector, source: str) -> int:
    reads = collector.history.frame("reads")
    return int(((reads["source"] == source) & reads["ok"]).sum())


@pytest.fixture(params=[False, True], ids=["open", "with passwords"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with Stack("healthy", restart_after_s=None, secured=request.param) as running:
        yield running


@pytest.fixture
def collector(stack: Stack) -> Iterator[Collector]:
    watching = Collector(replace(stack.settings, every_s=0.5))
    watching.start()
    yield watching
    watching.stop()


def test_each_server_goes_and_comes_back(stack: Stack, collector: Collector) -> None:
    """redis-server, nats-server and the stand-in, one after another, and back."""
    until(lambda: bool(ages(collector)["ok"].fillna(False).all()))
    until(lambda: len(collector.history.frame("consumers")) > 0)
    for source, member in MEMBER_OF.items():
        others = [name for name in MEMBER_OF if name != source]
        stack.stop(member)
        until(lambda s=source: not ages(collector).loc[s, "ok"])
        seen = {name: looks(collector, name) for name in others}
        until(lambda seen=seen: all(looks(collector, n) >= k + 2 for n, k in seen.items()))
        now = ages(collector)
        assert now.loc[source, "age_s"] > 0
        assert source in str(now.loc[source, "error"]).lower()
        assert now.loc[others, "ok"].all()
        stack.start(member)
        until(lambda s=source: bool(ages(collector).loc[s, "ok"]))


def test_a_frozen_broker_is_a_gap_and_no_zero(stack: Stack, collector: Collector) -> None:
    """SIGSTOP: the server takes the connection and never answers."""
    until(lambda: looks(collector, "nats") >= 3)
    until(lambda: len(collector.history.frame("consumers")) > 0)
    stack.members["nats"].pause()
    until(lambda: not ages(collector).loc["nats", "ok"])
    assert ages(collector).loc[["antenna", "redis"], "ok"].all()
    line = timeline(collector.history.frame("consumers"), reads=collector.history.frame("reads"))
    assert line.groupby("job_id").tail(1)["num_pending"].isna().all()
    stack.members["nats"].resume()
    until(lambda: bool(ages(collector).loc["nats", "ok"]))


def test_jobs_move_and_have_their_rates(stack: Stack, collector: Collector) -> None:
    def rates() -> pd.Series:
        return fleet(collector.history, as_of=pd.Timestamp.now("UTC"))["acked_per_min"].dropna()

    until(lambda: bool((rates() > 0).any()))
    job = fleet(collector.history, as_of=pd.Timestamp.now("UTC")).iloc[-1]
    assert job["name"]
    reads = collector.history.frame("reads")
    assert reads.loc[reads["source"] == "nats", "requests"].max() <= 2


def test_everything_over_tls_with_a_private_authority(
    tls_front: Callable[[int], int],
    start_nats: Callable[..., NatsServer],
    self_signed: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An institute's own certificates in front of all servers, a token for NATS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed.ca))

    def fronted(url: str, scheme: str) -> str:
        parts = urlsplit(url)
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        port = tls_front(parts.port or 0)
        return urlunsplit((scheme, f"{login}localhost:{port}", parts.path, "", ""))

    with Stack("healthy", restart_after_s=None, secured=True) as running:
        plain = running.environment()
        by_monitor = Settings.from_environment(
            plain
            | {
                "AMI_CONSOLE_ANTENNA_URL": fronted(plain["AMI_CONSOLE_ANTENNA_URL"], "https"),
                "AMI_CONSOLE_NATS_MONITOR_URL": fronted(
                    plain["AMI_CONSOLE_NATS_MONITOR_URL"], "https"
                ),
                "AMI_CONSOLE_REDIS_URL": fronted(plain["AMI_CONSOLE_REDIS_URL"], "rediss"),
                "AMI_CONSOLE_EVERY_S": "0.5",
            },
            dotenv=None,
        )
        watching = Collector(by_monitor)
        watching.start()
        try:
            until(lambda: len(watching.history.frame("consumers")) > 0)
            until(lambda: len(watching.history.frame("counters")) > 0)
            until(lambda: len(watching.history.frame("jobs")) > 0)
            assert ages(watching)["ok"].all()
        finally:
            watching.stop()

    broker = start_nats(tls=self_signed, token="s3cret")
    by_api = Settings.from_environment(
        broker.environment() | {"AMI_CONSOLE_NATS_MONITOR_URL": "", "AMI_CONSOLE_EVERY_S": "0.5"},
        dotenv=None,
    )
    assert by_api.nats_url.reveal().startswith("tls://")
    watching = Collector(by_api)
    watching.start()
    try:
        until(lambda: looks(watching, "nats") >= 2)
    finally:
        watching.stop()
