"""What the demo plays: jobs and workers in the moods that an operator meets, by name."""

from collections.abc import Mapping

from ami_console.demo.plans import JobPlan, PastJob, Scenario, WorkerPlan
from ami_console.errors import SettingsError

_HISTORY = (
    PastJob(
        name="Mont-Mégantic 2025 full season",
        project="laurentian",
        pipeline="eastern_canada_moths_2026",
        images=4180,
        status="SUCCESS",
        ended_ago_s=93_600,
        duration_s=5_460.5,
        failed=12,
    ),
    PastJob(
        name="Chepu river traps, March",
        project="chiloe",
        pipeline="valdivian_moths_2025",
        images=960,
        status="SUCCESS",
        ended_ago_s=52_000,
        duration_s=1_310.25,
    ),
    PastJob(
        name="Amrum light trap reprocessing",
        project="dunes",
        pipeline="western_europe_moths_2026",
        images=640,
        status="FAILURE",
        ended_ago_s=21_700,
        duration_s=702.75,
        failed=413,
    ),
    PastJob(
        name="Sainte-Adèle pilot, wrong collection",
        project="laurentian",
        pipeline="moth_nonmoth_filter",
        images=1500,
        status="REVOKED",
        ended_ago_s=4_200,
        duration_s=188.5,
    ),
)

_CANADA, _CHILOE = ("laurentian", "eastern_canada_moths_2026"), ("chiloe", "valdivian_moths_2025")
_DUNES = ("dunes", "western_europe_moths_2026")


def _job(place: tuple[str, str], name: str, images: int, **options: float | bool | None) -> JobPlan:
    project, pipeline = place
    return JobPlan(
        name=name,
        project=project,
        pipeline=pipeline,
        images=images,
        **options,  # type: ignore[arg-type]
    )


_NAMED = (
    Scenario(
        name="healthy",
        says="two jobs that move, and a new one every minute and a half",
        jobs=(
            _job(_CANADA, "Lac Supérieur July nights", 1600),
            _job(_CANADA, "Forêt Ouareau trap 4", 220, at_s=5.0, again_every_s=90.0),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(_CANADA[1],), image_s=0.25),
            WorkerPlan(name="gpu-02", pipelines=(_CANADA[1],), image_s=0.4),
        ),
        history=_HISTORY,
    ),
    Scenario(
        name="no_worker",
        says="images are queued and nobody fetches them",
        jobs=(_job(_CHILOE, "Tantauco ridge, new camera", 320, again_every_s=900.0),),
        history=_HISTORY,
        health_check_every_s=900.0,
        idle_s=600.0,
    ),
    Scenario(
        name="worker_crash",
        says="a worker dies with reserved images; they come back after the ack wait",
        jobs=(
            _job(_DUNES, "Spiekeroog dune row A", 400, ack_wait_s=20.0, max_deliver=5),
            _job(
                _DUNES,
                "Spiekeroog dune row B",
                300,
                at_s=20.0,
                again_every_s=120.0,
                ack_wait_s=20.0,
                max_deliver=5,
            ),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(_DUNES[1],), image_s=0.4),
            WorkerPlan(
                name="gpu-02",
                pipelines=(_DUNES[1],),
                image_s=0.3,
                batch=16,
                crash_after=2,
                back_after_s=15.0,
            ),
        ),
        history=_HISTORY,
    ),
    Scenario(
        name="max_deliver",
        says="some images are taken and never returned, until the broker gives them up",
        jobs=(
            _job(_CANADA, "Tremblant summit, corrupt frames", 160, ack_wait_s=12.0),
            _job(
                _CANADA,
                "Tremblant base, corrupt frames",
                120,
                at_s=60.0,
                again_every_s=240.0,
                ack_wait_s=12.0,
            ),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(_CANADA[1],), image_s=0.2, silent_ratio=0.1),
        ),
        history=_HISTORY,
        health_check_every_s=900.0,
        idle_s=600.0,
    ),
    Scenario(
        name="results_backlog",
        says="results come in faster than Antenna saves them",
        jobs=(_job(_CHILOE, "Cucao bay mass upload", 900, ack_wait_s=900.0, save_s=1.2, savers=2),),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(_CHILOE[1],), image_s=0.08, batch=16),
            WorkerPlan(name="gpu-02", pipelines=(_CHILOE[1],), image_s=0.12, batch=16),
        ),
        history=_HISTORY,
    ),
    Scenario(
        name="cancelled",
        says="jobs that somebody cancels while they run",
        jobs=(
            _job(_DUNES, "Texel slufter, wrong year", 600, cancel_after_s=25.0),
            _job(
                _DUNES,
                "Texel slufter, wrong trap",
                400,
                at_s=40.0,
                again_every_s=60.0,
                cancel_after_s=30.0,
            ),
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(_DUNES[1],), image_s=0.3),),
        history=_HISTORY,
    ),
    Scenario(
        name="mostly_failing",
        says="the worker posts errors for most images; the job is heading for FAILURE",
        jobs=(
            _job(_CANADA, "Kamouraska expired image links", 500),
            _job(_CANADA, "Kamouraska second attempt", 300, at_s=120.0, again_every_s=180.0),
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(_CANADA[1],), image_s=0.3, error_ratio=0.7),),
        history=_HISTORY,
    ),
    Scenario(
        name="starved",
        says="one worker reserves images of five jobs and can't work them off in time",
        jobs=tuple(
            _job(
                _CHILOE,
                f"Senda Darwin plot {plot}",
                240,
                at_s=2.0 * at,
                again_every_s=900.0,
                ack_wait_s=20.0,
                max_deliver=10,
            )
            for at, plot in enumerate("ABCDE")
        ),
        workers=(WorkerPlan(name="gpu-01", pipelines=(_CHILOE[1],), image_s=0.9, hoards=True),),
        history=_HISTORY,
    ),
    Scenario(
        name="mixed",
        says="several jobs at once, each in another mood",
        jobs=(
            _job(_CANADA, "Lac Supérieur July nights", 3600, again_every_s=1200.0),
            _job(_CANADA, "Forêt Ouareau trap 4", 150, at_s=1.0, again_every_s=75.0),
            _job(
                _DUNES,
                "Spiekeroog dune row A",
                900,
                again_every_s=420.0,
                ack_wait_s=20.0,
                max_deliver=5,
            ),
            _job(
                ("chiloe", "thermal_camera_trial"),
                "Tantauco ridge, new camera",
                320,
                again_every_s=600.0,
            ),
            _job(
                ("laurentian", "micromoths_trial"),
                "Tremblant summit, corrupt frames",
                90,
                again_every_s=480.0,
                ack_wait_s=12.0,
            ),
            _job(
                ("chiloe", "global_moths_large"),
                "Cucao bay mass upload",
                600,
                again_every_s=540.0,
                ack_wait_s=600.0,
                save_s=1.2,
                savers=2,
            ),
            _job(
                ("dunes", "coastal_species_recheck"),
                "Amrum expired image links",
                260,
                at_s=3.0,
                again_every_s=300.0,
            ),
            _job(
                ("laurentian", "moth_nonmoth_filter"),
                "Sainte-Adèle pilot, wrong collection",
                400,
                at_s=8.0,
                again_every_s=240.0,
                cancel_after_s=45.0,
            ),
            _job(_CHILOE, "Chepu river traps, April (draft)", 480, runs=False),
        ),
        workers=(
            WorkerPlan(name="gpu-01", pipelines=(_CANADA[1], "moth_nonmoth_filter"), image_s=0.2),
            WorkerPlan(name="gpu-02", pipelines=(_CANADA[1], _DUNES[1]), image_s=0.25),
            WorkerPlan(
                name="gpu-03",
                pipelines=(_DUNES[1],),
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
        history=_HISTORY,
    ),
)

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _NAMED}
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
