"""The NATS monitoring port: one ``/jsz`` request for every job, at no cost to the broker."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ami_console.errors import SourceMalformed
from ami_console.instants import NS_PER_S, from_rfc3339
from ami_console.reading import Row
from ami_console.settings import Settings
from ami_console.sources.consumer_rows import job_streams, jsz_rows
from ami_console.sources.failures import Target
from ami_console.sources.rest import Answer, JsonClient
from ami_console.sources.values import integer, items, mapping

# A port that nobody answers at must not eat the whole deadline: the API comes after it.
_LIMIT_S = 2.0
_CONFIG_EVERY_S = 60.0
_CONFIG_COLUMNS = ("ack_wait_s", "max_deliver", "max_ack_pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorLook:
    """What ``/jsz`` said.

    Attributes:
        rows: Job id → row, of every ``job_N`` stream whose numbers this server knows for sure.
        is_complete: Whether a stream that is not in ``rows`` does not exist. In a cluster each
            server only tells of the streams that it holds itself.
        server_at: The server's clock, ns since the epoch.
        clock_offset_s: The server's clock minus ours, seconds.
        size_bytes: Size of the answers.
        requests: Number of requests.
    """

    rows: dict[int, Row]
    is_complete: bool
    server_at: int | None
    clock_offset_s: float | None
    size_bytes: int
    requests: int


class Monitor:
    """Reads ``/jsz``; remembers the consumers' configuration, which doubles the body."""

    def __init__(self, settings: Settings) -> None:
        self.target = Target("NATS monitoring", settings.nats_monitor_url, "NATS_MONITOR_URL")
        self._client = JsonClient(self.target, limit_s=_LIMIT_S)
        self._config_due_at = 0.0
        self._config: dict[tuple[int, int | None], dict[str, Any]] = {}

    async def look(self) -> MonitorLook:
        """All ``job_N`` streams and their consumers.

        The configuration is asked for about once a minute, and when a consumer is new.

        Raises:
            SourceError: The port did not answer, or something else did.
        """
        answers = [await self._ask(config=time.monotonic() >= self._config_due_at)]
        rows = self._rows(answers[0])
        if not self._fill_config(rows):
            answers.append(await self._ask(config=True))
            rows = self._rows(answers[1])
            self._fill_config(rows)
        answer = answers[-1]
        clustered = _is_clustered(answer.body)
        if clustered:
            for job_id, stream in job_streams(answer.body):
                if items(mapping(stream.get("cluster")).get("replicas")):
                    # The numbers of a replica lag behind those of the leader.
                    rows.pop(job_id, None)
        server_at = from_rfc3339(answer.body.get("now"))
        return MonitorLook(
            rows=rows,
            is_complete=not clustered,
            server_at=server_at,
            clock_offset_s=None
            if server_at is None
            else (server_at - answer.midpoint_at) / NS_PER_S,
            size_bytes=sum(each.size_bytes for each in answers),
            requests=len(answers),
        )

    async def aclose(self) -> None:
        """Close; the next look connects anew."""
        await self._client.aclose()

    async def _ask(self, *, config: bool) -> Answer:
        params = {"consumers": "true", "config": "true"} if config else {"consumers": "true"}
        answer = await self._client.get("jsz", params)
        if answer.body.get("disabled") is True:
            raise self.target.refused(
                "JetStream is not enabled there", "check that this is Antenna's NATS"
            )
        if config:
            self._config_due_at = time.monotonic() + _CONFIG_EVERY_S
        return answer

    def _rows(self, answer: Answer) -> dict[int, Row]:
        try:
            return jsz_rows(answer.body, observed_at=answer.received_at)
        except SourceMalformed as error:
            raise self.target.malformed(str(error)) from None

    def _fill_config(self, rows: Mapping[int, Row]) -> bool:
        """Keep the configuration that came, fill in what did not; whether all is there."""
        kept: dict[tuple[int, int | None], dict[str, Any]] = {}
        complete = True
        for job_id, row in rows.items():
            if not row["consumer_exists"]:
                continue
            key = job_id, row["consumer_created_at"]
            came = {column: row[column] for column in _CONFIG_COLUMNS}
            if all(value is None for value in came.values()):
                came = self._config.get(key, came)
                complete = complete and key in self._config
            row.update(came)
            kept[key] = came
        if complete:
            self._config = kept
        return complete


def _is_clustered(body: Mapping[str, Any]) -> bool:
    return (integer(mapping(body.get("meta_cluster")).get("cluster_size")) or 1) > 1
