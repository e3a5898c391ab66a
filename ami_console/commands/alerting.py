"""Alerts of a running watch, as long as a command needs them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from ami_console.alerts import Alerts
from ami_console.collector import Collector
from ami_console.diagnosis import Finding
from ami_console.settings import Settings

SETTLED_S = 120.0
"""After a start what stood before may be silent for so long: it must hold anew before it speaks."""

_DELIVER_WITHIN_S = 5.0


@contextmanager
def alerting(
    collector: Collector,
    settings: Settings,
    *,
    resumed: Sequence[Finding] = (),
    console_url: str | None = None,
) -> Iterator[Alerts]:
    """Tell webhook and command of the settings about every critical finding of the watch.

    Args:
        collector: Whose verdicts they are.
        settings: Who is called.
        resumed: What stood before a restart: its begin was told.
        console_url: Address of the dashboard, passed on.

    Raises:
        SettingsError: The command can't be run.
    """
    alerts = Alerts(
        webhook=settings.alert_webhook,
        command=settings.alert_command.reveal(),
        console_url=console_url,
    )
    alerts.resume(resumed)
    began = time.monotonic()

    def look(findings: Sequence[Finding], as_of: pd.Timestamp) -> None:
        alerts.look(findings, as_of=as_of, judged=time.monotonic() - began > SETTLED_S)

    if alerts:
        collector.diagnosis.add_watcher(look)
    try:
        yield alerts
    finally:
        alerts.close(timeout_s=_DELIVER_WITHIN_S)
