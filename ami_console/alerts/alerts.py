"""From findings to calls, once per episode."""

import threading
import time
from collections.abc import Sequence

import pandas as pd

from ami_console.alerts.channel import Channel
from ami_console.alerts.command import Command
from ami_console.alerts.episodes import Change, Episodes
from ami_console.alerts.message import body
from ami_console.alerts.outbox import Outbox, Patience
from ami_console.alerts.webhook import Webhook
from ami_console.diagnosis.finding import Finding
from ami_console.settings import Address

GONE_FOR_S = 30.0
"""How long a finding stays away before its end is told, seconds: what comes and goes at night
rings once."""


class Alerts:
    """Calls a webhook, runs a command, or both, for critical findings.

    Each goes out on a daemon thread of its own; one that hangs delays neither the looks nor the
    other.
    """

    def __init__(
        self,
        *,
        webhook: Address | None = None,
        command: str | None = None,
        console_url: str | None = None,
        gone_for_s: float = GONE_FOR_S,
        webhook_timeout_s: float = 10.0,
        command_timeout_s: float = 30.0,
        webhook_tries: int = 20,
        command_tries: int = 5,
        patience: Patience | None = None,
    ) -> None:
        """Nothing is called yet.

        Args:
            webhook: Where to POST; nothing or empty: nowhere.
            command: What to run, see :class:`~ami_console.alerts.command.Command`; nothing or
                empty: none.
            console_url: Address of the dashboard, passed on.
            gone_for_s: How long a finding stays away before its end is told, seconds.
            webhook_timeout_s: The longest that a connect or a silence may last, seconds.
            command_timeout_s: After so many seconds the command is killed.
            webhook_tries: How often to post an alert that may have arrived.
            command_tries: How often to run the command for one alert while it fails.
            patience: Pauses and limits; the usual ones when not given.

        Raises:
            SettingsError: The command can't be run.
        """
        self._console_url = console_url
        self._episodes = Episodes(gone_for_s=gone_for_s)
        channels: list[Channel] = []
        if webhook:
            channels.append(Webhook(webhook, timeout_s=webhook_timeout_s, tries=webhook_tries))
        if command:
            channels.append(Command(command, timeout_s=command_timeout_s, tries=command_tries))
        self._outboxes = [
            Outbox(channel, body=self._body, patience=patience or Patience())
            for channel in channels
        ]
        self._what = tuple(channel.what for channel in channels)
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        """Whether anybody is called at all."""
        return bool(self._outboxes)

    def __repr__(self) -> str:
        return f"<Alerts to {' and '.join(self._what) or 'nobody'}, {len(self._episodes)} open>"

    def look(
        self, findings: Sequence[Finding], *, as_of: pd.Timestamp, judged: bool = True
    ) -> None:
        """Tell what began and what ended since the last look. Never blocks.

        An end is told when a finding is gone and stays gone; not while another explains it, nor
        while its check can't tell.

        Args:
            findings: All findings of this look, of every severity and outcome.
            as_of: The instant judged at.
            judged: ``False`` when a finding may be missing because not everything was judged, as
                just after the start; then nothing ends.
        """
        with self._lock:
            for change in self._episodes.look(findings, as_of=as_of, judged=judged):
                for outbox in self._outboxes:
                    outbox.put(change)

    def resume(self, findings: Sequence[Finding]) -> None:
        """Take these as told before a restart: their beginning is not told again, their end is."""
        with self._lock:
            self._episodes.resume(findings)

    @property
    def error(self) -> str | None:
        """What is wrong at present: who does not take alerts and why, without a secret."""
        said = [outbox.error for outbox in self._outboxes]
        return "; ".join(each for each in said if each) or None

    def close(self, *, timeout_s: float) -> None:
        """Deliver what waits, for so many seconds at most, then stop.

        What was not delivered is logged. Looks after this tell nobody.
        """
        end_at = time.monotonic() + timeout_s
        for outbox in self._outboxes:
            outbox.finish(timeout_s=max(0.0, end_at - time.monotonic()))
        for outbox in self._outboxes:
            outbox.join()

    def _body(self, change: Change) -> bytes:
        return body(change, sent_at=pd.Timestamp.now("UTC"), console_url=self._console_url)
