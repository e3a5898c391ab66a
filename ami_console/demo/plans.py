"""What a scenario of the demo is made of: projects, pipelines, jobs, workers."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class Named:
    """A project, or a pipeline (whose ``slug`` workers go by)."""

    id: int
    name: str
    slug: str


PROJECTS = (
    Named(3, "Laurentian Moth Transect", "laurentian"),
    Named(5, "Chiloé Rainforest Moths", "chiloe"),
    Named(8, "North Sea Dunes Night Watch", "dunes"),
)

PIPELINES = (
    Named(1, "Eastern Canada Moths 2026", "eastern_canada_moths_2026"),
    Named(2, "Valdivian Moths 2025", "valdivian_moths_2025"),
    Named(3, "Western Europe Moths 2026", "western_europe_moths_2026"),
    Named(4, "Moth / Non-Moth Filter", "moth_nonmoth_filter"),
    Named(5, "Global Moths Large", "global_moths_large"),
    Named(6, "Micro-moths Trial", "micromoths_trial"),
    Named(7, "Thermal Camera Trial", "thermal_camera_trial"),
    Named(8, "Coastal Species Recheck", "coastal_species_recheck"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A job that the demo makes and runs.

    Attributes:
        name: What people call it.
        project: Slug of one of ``PROJECTS``.
        pipeline: Slug of one of ``PIPELINES``; decides which workers take it.
        images: Number of images.
        at_s: When it is made, seconds after the demo's start.
        again_every_s: A new one like it every so many seconds; never when ``None``.
        runs: Whether it is run as soon as it is made (else it stays CREATED).
        cancel_after_s: Cancelled so many seconds after it was made; never when ``None``.
        ack_wait_s: The broker gives a reserved image to somebody else after this, seconds.
        max_deliver: How often the broker hands out an image before it gives it up.
        save_s: How long Antenna takes to save one image's results, seconds.
        savers: How many of its results Antenna saves at a time.
    """

    name: str
    project: str
    pipeline: str
    images: int
    at_s: float = 0.0
    again_every_s: float | None = None
    runs: bool = True
    cancel_after_s: float | None = None
    ack_wait_s: float = 300.0
    max_deliver: int = 2
    save_s: float = 0.1
    savers: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlan:
    """A worker process on "another machine".

    Attributes:
        name: Of the process; the stack calls it ``worker-<name>``.
        pipelines: Slugs that it serves.
        batch: How many images it asks for at once.
        image_s: Time it needs for one image, seconds.
        crash_after: It reserves one more batch after so many, and dies; never when ``None``.
        back_after_s: A dead one is started again after so many seconds; never when ``None``.
        error_ratio: Share of images (0-1) for which it posts an error.
        silent_ratio: Share of images (0-1) that it takes and never says anything about again.
        hoards: It reserves a batch of every job first and then works them off one by one.
    """

    name: str
    pipelines: tuple[str, ...]
    batch: int = 8
    image_s: float = 0.3
    crash_after: int | None = None
    back_after_s: float | None = None
    error_ratio: float = 0.0
    silent_ratio: float = 0.0
    hoards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """A job of history: it is over before the demo starts.

    Attributes:
        ended_ago_s: How long before the demo's start it ended, seconds.
        duration_s: From start to end, seconds.
        failed: How many of its images failed.
    """

    name: str
    project: str
    pipeline: str
    images: int
    status: Literal["SUCCESS", "FAILURE", "REVOKED"]
    ended_ago_s: float
    duration_s: float
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A play: jobs, the workers that do or do not come, and how patient Antenna is.

    Attributes:
        name: What the command line calls it.
        says: What one sees, in one line.
        health_check_every_s: Period of Antenna's health check (900 in real life), seconds.
        idle_s: A job that has not moved for so long is dealt with by it (600 in real life).
    """

    name: str
    says: str
    jobs: tuple[JobPlan, ...]
    workers: tuple[WorkerPlan, ...] = ()
    history: tuple[PastJob, ...] = ()
    health_check_every_s: float = 300.0
    idle_s: float = 240.0

    def write(self, path: Path) -> None:
        """Write it where :meth:`read` finds it."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The scenario that :meth:`write` wrote."""
        found = json.loads(path.read_text())
        found["jobs"] = tuple(JobPlan(**plan) for plan in found["jobs"])
        found["history"] = tuple(PastJob(**past) for past in found["history"])
        found["workers"] = tuple(
            WorkerPlan(**{**plan, "pipelines": tuple(plan["pipelines"])})
            for plan in found["workers"]
        )
        return cls(**found)


def project(slug: str) -> Named:
    """The project with this slug."""
    return next(found for found in PROJECTS if found.slug == slug)


def pipeline(slug: str) -> Named:
    """The pipeline with this slug."""
    return next(found for found in PIPELINES if found.slug == slug)
