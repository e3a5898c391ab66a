"""What scenarios have in common: places, jobs long over, and the short way to plan a job."""

from ami_console.demo.plans import JobPlan, PastJob

HISTORY = (
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

# Images that are never returned are delivered again, then given up, then marked failed by the
# health check: the job ends with fewer than it says.
GIVEN_UP_ON_THE_WAY = ("redelivering", "not_returning", "lost_images")

# Where jobs are: project and pipeline.
CANADA, CHILOE = ("laurentian", "eastern_canada_moths_2026"), ("chiloe", "valdivian_moths_2025")
DUNES = ("dunes", "western_europe_moths_2026")


def job(place: tuple[str, str], name: str, images: int, **options: float | bool | None) -> JobPlan:
    """A job of a place."""
    project, pipeline = place
    return JobPlan(
        name=name,
        project=project,
        pipeline=pipeline,
        images=images,
        **options,  # type: ignore[arg-type]
    )
