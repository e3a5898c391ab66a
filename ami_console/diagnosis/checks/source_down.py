"""A source can't be read: what can't be told meanwhile, and since when."""

import numpy as np

from ami_console.diagnosis.check import CHECKS, Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import seconds
from ami_console.diagnosis.finding import Evidence
from ami_console.diagnosis.sheet import instant
from ami_console.diagnosis.source_sheet import CORE, SourceSheet

DWELL_S = 5.0
FAILURES = 2

_STEPS = {
    "antenna": "See whether the web process runs: `docker compose ps django` and its log. Workers "
    "can't fetch or post meanwhile; what they hold they post when it is back.",
    "nats": "See whether nats-server runs: `docker compose ps nats` and its log. Nothing is handed "
    "out or acknowledged meanwhile; the stream is on disk.",
    "redis": "See whether redis-server runs: `docker compose ps redis` and its log. Results can't "
    "be counted meanwhile.",
}


def holds(sheet: SourceSheet) -> Held:
    """Two reads in a row failed."""
    truth = (sheet.failures >= FAILURES).astype("float64")
    return Held(truth, np.where(truth == 1.0, sheet.failing_s, np.nan), DWELL_S)


def tell(sheet: SourceSheet, tick: int) -> Told:
    """Critical for Antenna, NATS and Redis, else warning."""
    source = sheet.looks.source
    good = sheet.looks.at_s[sheet.looks.ok & (sheet.looks.at_s <= sheet.at_s[tick])]
    for_s = sheet.at_s[tick] - sheet.failing_s[tick]
    blind = [code for code, check in CHECKS.items() if source in check.needs]
    missing = (
        f"Until it answers, {', '.join(blind)} can't be told."
        if blind
        else "No verdict needs it, but its numbers have a gap."
    )
    return Told(
        "critical" if source in CORE else "warning",
        f"{sheet.name[0].upper()}{sheet.name[1:]} can't be read for {seconds(for_s)}",
        [
            sheet.evidence(tick, "failed_reads", sheet.failures[tick]),
            Evidence(
                name="last_good_read_at",
                value=instant(good[-1]) if len(good) else None,
                source=source,
            ),
            Evidence(name="error", value=sheet.error(tick), source=source),
        ],
        f"The last {sheet.failures[tick]:.0f} reads failed: {sheet.error(tick)} {missing}",
        _STEPS.get(source, "See whether it runs and whether its address in the settings is right."),
        "Whether it is down or only out of reach from here, this machine can't tell.",
    )


register(
    Check(
        code="source_down",
        title="A source can't be read",
        meaning="Antenna, NATS, Redis or one of the others does not answer, or not as it should. "
        "The numbers of the others may stand still because of it; that alone is no verdict on a "
        "job.",
        about="source",
        thresholds=(
            Threshold("failed reads in a row", f"{FAILURES}", "a single one happens under load"),
            Threshold(
                "failing for",
                f"{DWELL_S:g} s",
                "a web process that is reloaded is away for 2 to 4 s",
            ),
        ),
        columns=("reads.source", "reads.ok", "reads.error", "reads.elapsed_s"),
        needs=(),
        disproved_by="a read that goes well",
        next_step="See whether the service runs and is reachable from here.",
        explains=(),
        clear_s=5.0,
        holds=holds,
        tell=tell,
    )
)
