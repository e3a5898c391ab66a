"""Clocks, or the time zone setting, disagree."""

import numpy as np
import pandas as pd

from ami_console.diagnosis.check import Check, Held, Threshold, Told, register
from ami_console.diagnosis.checks.common import seconds
from ami_console.diagnosis.source_sheet import SourceSheet
from ami_console.metrics.arrays import Floats, floats, instants
from ami_console.metrics.clocks import zone_evidence

SKEW_S = 5.0
ZONE_S = 60.0
QUARTER_S = 900.0
DWELL_S = 10.0
NEWEST = 3


def zone_offset_s(sheet: SourceSheet) -> Floats:
    """How far Antenna's own times are from the true ones with the zone set, s; NaN unknown."""
    at_s = sheet.at_s
    if sheet.looks.source != "antenna":
        return np.full(len(at_s), np.nan)
    told = zone_evidence(
        sheet.seen.jobs_frame, reads=sheet.seen.reads_frame, as_of=sheet.seen.as_of
    )
    sure = told[told["kind"].isin(["updated", "future"])]
    sure = sure.sort_values("observed_at", kind="stable")
    if sure.empty:
        return np.full(len(at_s), np.nan)
    offset_s, error_s = floats(sure, "offset_s"), np.nan_to_num(floats(sure, "error_s"))
    # An instant that may be as wrong as its look took proves nothing smaller than that.
    beyond = np.sign(offset_s) * np.maximum(0.0, np.abs(offset_s) - error_s)
    median = pd.Series(beyond).rolling(NEWEST, min_periods=1).median().to_numpy()
    place = np.searchsorted(instants(sure, "observed_at") / 1e9, at_s, side="right") - 1
    return np.where(place >= 0, median[np.maximum(place, 0)], np.nan)


def holds(sheet: SourceSheet) -> Held:
    """The source's clock is off, or Antenna's written times are."""
    clock = np.abs(np.nan_to_num(sheet.offset_s())) > SKEW_S
    zone = np.abs(np.nan_to_num(zone_offset_s(sheet))) > ZONE_S
    return Held((clock | zone).astype("float64"), None, DWELL_S)


def tell(sheet: SourceSheet, tick: int) -> Told:
    """Warning: ages, rates and countdowns are off by as much."""
    zone_s, clock_s = zone_offset_s(sheet)[tick], sheet.offset_s()[tick]
    evidence = [sheet.evidence(tick, "clock_offset_s", clock_s)]
    if abs(np.nan_to_num(zone_s)) > ZONE_S:
        evidence.append(sheet.evidence(tick, "written_times_offset_s", zone_s))
        quarters = round(zone_s / QUARTER_S)
        is_zone = bool(quarters) and abs(zone_s - quarters * QUARTER_S) <= ZONE_S
        way = "ahead of" if zone_s > 0 else "behind"
        hours = f"{abs(quarters) * 0.25:g} h" if is_zone else seconds(abs(zone_s))
        return Told(
            "warning",
            f"Antenna's times are {hours} {way} the looks at which they changed",
            evidence,
            "Antenna writes local time without its zone. Read with AMI_CONSOLE_ANTENNA_TIMEZONE, "
            f"a job that was updated between two looks says that it was updated {hours} {way} "
            f"them{': the zone in the settings is not the one of the server' if is_zone else ''}.",
            "Set AMI_CONSOLE_ANTENNA_TIMEZONE to the TIME_ZONE of Antenna's Django settings."
            if is_zone
            else "Compare the clocks: `date -u` on Antenna's machine and here.",
        )
    return Told(
        "warning",
        f"The clock of {sheet.name} is {seconds(abs(clock_s))} "
        f"{'ahead of' if clock_s > 0 else 'behind'} ours",
        evidence,
        "Ages of what it tells are off by as much, unless it names instants of its own clock.",
        "Let both machines follow NTP: `timedatectl` shows whether they do.",
        "Which of the two clocks is wrong can't be told from here.",
    )


register(
    Check(
        code="clock_skew",
        title="Clocks or the time zone setting disagree",
        meaning="A source's clock is not ours, or Antenna's written times are off: it writes local "
        "time without a zone, and the setting that says which zone that is is wrong. Durations "
        "and countdowns are off by as much.",
        about="source",
        thresholds=(
            Threshold(
                "source's clock to ours, median of the last looks",
                f"{SKEW_S:g} s",
                "the HTTP Date is cut to a second, and answers took up to 4 s under load",
            ),
            Threshold(
                "Antenna's written times to the looks at which they changed",
                f"{ZONE_S:g} s beyond what the looks leave open",
                "zones differ by quarters of an hour at least",
            ),
            Threshold("how long that must hold", f"{DWELL_S:g} s", "some looks"),
        ),
        columns=(
            "reads.clock_offset_s",
            "jobs.updated_at",
            "jobs.created_at",
            "jobs.started_at",
        ),
        needs=(),
        disproved_by="offsets near 0 at the next looks",
        next_step="Let the machines follow NTP; set the zone to that of Antenna's Django settings.",
        explains=(),
        holds=holds,
        tell=tell,
    )
)
