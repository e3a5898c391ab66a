"""What the demo plays: jobs and workers in the moods that an operator meets, by name."""

from collections.abc import Mapping

from ami_console.demo.places import CANADA, CHILOE, DUNES, GIVEN_UP_ON_THE_WAY, HISTORY, job
from ami_console.demo.plans import Scenario, WorkerPlan
from ami_console.demo.troubles import TROUBLES
from ami_console.errors import SettingsError

_NAMED = (
    Scenario(
        name="healthy",
        says="two jobs that move, and a new one every minute and a half",
        jobs=(
            job(CANADA, "Lac Supérieur July nights", 1600),
            job(CANADA, "Forêt Ouareau trap 4", 220, at_s=5.0, again_every_s=90.0),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.25),
            WorkerPlan(name="gpu-02", pipelines=(CANADA[1],), image_s=0.4),
        ),
        history=HISTORY,
    ),
    Scenario(
        name="no_worker",
        says="images are queued and nobody fetches them",
        jobs=(job(CHILOE, "Tantauco ridge, new camera", 320, again_every_s=900.0),),
        history=HISTORY,
        health_check_every_s=900.0,
        idle_s=600.0,
        verdicts={"Tantauco ridge, new camera": ("no_worker",)},
    ),
    Scenario(
        name="worker_crash",
        says="a worker dies with reserved images; they come back after the ack wait",
        jobs=(
            job(DUNES, "Spiekeroog dune row A", 400, ack_wait_s=20.0, max_deliver=5),
            job(
                DUNES,
                "Spiekeroog dune row B",
                300,
                at_s=20.0,
                again_every_s=120.0,
                ack_wait_s=20.0,
                max_deliver=5,
            ),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(DUNES[1],), image_s=0.4),
            WorkerPlan(
                name="gpu-02",
                pipelines=(DUNES[1],),
                image_s=0.3,
                batch=16,
                crash_after=2,
                back_after_s=15.0,
            ),
        ),
        history=HISTORY,
        verdicts={"Spiekeroog dune row A": ("redelivering",)},
        on_the_way={"Spiekeroog dune row B": ("redelivering",)},
    ),
    Scenario(
        name="max_deliver",
        says="some images are taken and never returned, until the broker gives them up",
        jobs=(
            job(CANADA, "Tremblant summit, corrupt frames", 160, ack_wait_s=12.0),
            job(
                CANADA,
                "Tremblant base, corrupt frames",
                120,
                at_s=60.0,
                again_every_s=240.0,
                ack_wait_s=12.0,
            ),
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.2, silent_ratio=0.1),),
        history=HISTORY,
        health_check_every_s=900.0,
        idle_s=600.0,
        verdicts={
            "Tremblant summit, corrupt frames": ("lost_at_max_deliver",),
            "Tremblant base, corrupt frames": ("lost_at_max_deliver",),
        },
        on_the_way={
            "Tremblant summit, corrupt frames": GIVEN_UP_ON_THE_WAY,
            "Tremblant base, corrupt frames": GIVEN_UP_ON_THE_WAY,
        },
        within_s=180.0,
    ),
    Scenario(
        name="results_backlog",
        says="results come in faster than Antenna saves them",
        jobs=(job(CHILOE, "Cucao bay mass upload", 900, ack_wait_s=900.0, save_s=1.2, savers=2),),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CHILOE[1],), image_s=0.08, batch=16),
            WorkerPlan(name="gpu-02", pipelines=(CHILOE[1],), image_s=0.12, batch=16),
        ),
        history=HISTORY,
        verdicts={"Cucao bay mass upload": ("results_backlog",)},
    ),
    Scenario(
        name="cancelled",
        says="jobs that somebody cancels while they run",
        jobs=(
            job(DUNES, "Texel slufter, wrong year", 600, cancel_after_s=25.0),
            job(
                DUNES,
                "Texel slufter, wrong trap",
                400,
                at_s=40.0,
                again_every_s=60.0,
                cancel_after_s=30.0,
            ),
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(DUNES[1],), image_s=0.3),),
        history=HISTORY,
    ),
    Scenario(
        name="mostly_failing",
        says="the worker posts errors for most images; the job is heading for FAILURE",
        jobs=(
            job(CANADA, "Kamouraska expired image links", 500),
            job(CANADA, "Kamouraska second attempt", 300, at_s=120.0, again_every_s=180.0),
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(CANADA[1],), image_s=0.3, error_ratio=0.7),),
        history=HISTORY,
        verdicts={
            "Kamouraska expired image links": ("mostly_failing",),
            "Kamouraska second attempt": ("mostly_failing",),
        },
        within_s=200.0,
    ),
    Scenario(
        name="starved",
        says="two workers reserve images of five jobs and can't work them off in time",
        jobs=tuple(
            job(
                CHILOE,
                f"Senda Darwin plot {plot}",
                240,
                at_s=2.0 * at,
                again_every_s=900.0,
                ack_wait_s=10.0,
                max_deliver=10,
            )
            for at, plot in enumerate("ABCDE")
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CHILOE[1],), image_s=0.9, hoards=True),
            WorkerPlan(name="gpu-02", pipelines=(CHILOE[1],), image_s=0.8, hoards=True),
        ),
        history=HISTORY,
        # Plots A and B are the first to be worked off: theirs hardly expire.
        verdicts={f"Senda Darwin plot {plot}": ("starved",) for plot in "DE"},
        on_the_way={f"Senda Darwin plot {plot}": ("starved", "redelivering") for plot in "ABCDE"},
    ),
    Scenario(
        name="mixed",
        says="several jobs at once, each in another mood",
        jobs=(
            job(CANADA, "Lac Supérieur July nights", 3600, again_every_s=1200.0),
            job(CANADA, "Forêt Ouareau trap 4", 150, at_s=1.0, again_every_s=75.0),
            job(
                DUNES,
                "Spiekeroog dune row A",
                900,
                again_every_s=420.0,
                ack_wait_s=20.0,
                max_deliver=5,
            ),
            job(
                ("chiloe", "thermal_camera_trial"),
                "Tantauco ridge, new camera",
                320,
                again_every_s=600.0,
            ),
            job(
                ("laurentian", "micromoths_trial"),
                "Tremblant summit, corrupt frames",
                90,
                again_every_s=480.0,
                ack_wait_s=12.0,
            ),
            job(
                ("chiloe", "global_moths_large"),
                "Cucao bay mass upload",
                600,
                again_every_s=540.0,
                ack_wait_s=600.0,
                save_s=1.2,
                savers=2,
            ),
            job(
                ("dunes", "coastal_species_recheck"),
                "Amrum expired image links",
                260,
                at_s=3.0,
                again_every_s=300.0,
            ),
            job(
                ("laurentian", "moth_nonmoth_filter"),
                "Sainte-Adèle pilot, wrong collection",
                400,
                at_s=8.0,
                again_every_s=240.0,
                cancel_after_s=45.0,
            ),
            job(CHILOE, "Chepu river traps, April (draft)", 480, runs=False),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(CANADA[1], "moth_nonmoth_filter"), image_s=0.2),
            WorkerPlan(name="gpu-02", pipelines=(CANADA[1], DUNES[1]), image_s=0.25),
            WorkerPlan(
                name="gpu-03",
                pipelines=(DUNES[1],),
                image_s=0.4,
                batch=16,
                crash_after=3,
                back_after_s=25.0,
            ),
            WorkerPlan(
                name="gpu-04", pipelines=("micromoths_trial",), image_s=0.3, silent_ratio=0.12
            ),
            WorkerPlan(name="gpu-05", pipelines=("global_moths_large",), image_s=0.1, batch=16),
            WorkerPlan(
                name="gpu-06", pipelines=("coastal_species_recheck",), image_s=0.4, error_ratio=0.7
            ),
        ),
        history=HISTORY,
        verdicts={
            "Spiekeroog dune row A": ("redelivering",),
            "Tantauco ridge, new camera": ("no_worker",),
            "Tremblant summit, corrupt frames": ("lost_at_max_deliver",),
            "Cucao bay mass upload": ("results_backlog",),
            "Amrum expired image links": ("mostly_failing",),
        },
        on_the_way={"Tremblant summit, corrupt frames": GIVEN_UP_ON_THE_WAY},
        within_s=180.0,
    ),
)

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in (*_NAMED, *TROUBLES)}
"""All scenarios by name; ``mixed`` is the default."""


def scenario(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        SettingsError: There is none; the message lists those that exist.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        known = ", ".join(sorted(SCENARIOS))
        raise SettingsError(f"there is no scenario {name!r}; scenarios are {known}") from None
