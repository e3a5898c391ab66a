"""What a scenario of the demo is made of: projects, pipelines, jobs, workers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
        cancel_sticks: Nobody takes up the task that cancels: it stays CANCELING.
        retry_after_s: Retried so many seconds after it was made, though it still has its stream;
            never when ``None``.
        state_lost_after_s: Somebody deletes its stream and its Redis keys so many seconds after it
            was made; never when ``None``. A result that comes after that makes it a FAILURE.
        clean_up_fails: The broker does not answer when its stream is to be deleted: that stays.
        lost_writes: So many last writes of the progress of its ``process`` stage are lost to a
            race, so that it is never closed.
        max_ack_pending: How many images the broker lets workers hold at a time.
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
    cancel_sticks: bool = False
    retry_after_s: float | None = None
    state_lost_after_s: float | None = None
    clean_up_fails: bool = False
    lost_writes: int = 0
    max_ack_pending: int = 1000
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
        slows_after_s: So many seconds after its first image of a job it slows down; never when
            ``None``.
        slowdown: How many times as long an image takes then.
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
    slows_after_s: float | None = None
    slowdown: float = 1.0
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

    What is right to say about it is part of it: codes of the checks, by a job's name; of all jobs
    of that name at once. The key ``""`` is about the sources.

    Attributes:
        name: What the command line calls it.
        says: What one sees, in one line.
        health_check_every_s: Period of Antenna's health check (900 in real life), seconds.
        idle_s: A job that has not moved for so long is dealt with by it (600 in real life).
        zone: Time zone that Antenna writes its naive times in.
        claimed_zone: Time zone that the console is told; the true one when ``None``.
        rest_away_s: So long nobody listens at REST's port in each ``rest_away_every_s``, at the
            end of it; never when 0.
        rest_away_every_s: Period of that, seconds.
        verdicts: What must have been said of each job within ``within_s``; of a job that is
            missing here, nothing.
        on_the_way: What may be said too, for a time: how a job comes to its mood, or leaves it.
        within_s: Seconds from the demo's start.
    """

    name: str
    says: str
    jobs: tuple[JobPlan, ...]
    workers: tuple[WorkerPlan, ...] = ()
    history: tuple[PastJob, ...] = ()
    health_check_every_s: float = 300.0
    idle_s: float = 240.0
    zone: str = "America/New_York"
    claimed_zone: str | None = None
    rest_away_s: float = 0.0
    rest_away_every_s: float = 100.0
    verdicts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_the_way: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    within_s: float = 120.0

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
        for codes in ("verdicts", "on_the_way"):
            found[codes] = {name: tuple(said) for name, said in found[codes].items()}
        return cls(**found)


def project(slug: str) -> Named:
    """The project with this slug."""
    return next(found for found in PROJECTS if found.slug == slug)


def pipeline(slug: str) -> Named:
    """The pipeline with this slug."""
    return next(found for found in PIPELINES if found.slug == slug)
