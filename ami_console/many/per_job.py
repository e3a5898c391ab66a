"""A function of each job of one or several recordings, as one table."""

import os
import sys
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

import pandas as pd

from ami_console.errors import AmiConsoleError
from ami_console.frames import FrameSource
from ami_console.many.days import Days, OfDays, days_of_jobs
from ami_console.many.rows import Rows, joined, rows_of
from ami_console.recording import Recording, open_recording

Place = str | os.PathLike[str]
Whole = tuple[str, ...]
"""The paths that are read as one recording."""

PerJob = Callable[[FrameSource, int], Mapping[str, Any] | pd.DataFrame]
Progress = Callable[[int, int], None]

KEPT_OPEN = 2


def counted(done: int, count: int) -> None:
    """Say how many jobs are done: on a terminal, and in a notebook; nowhere else."""
    if sys.stderr.isatty() or "ipykernel" in sys.modules:
        end = "\n" if done == count else ""
        print(f"\r{done} of {count} jobs", end=end, file=sys.stderr, flush=True)


def per_job(
    recordings: Place | Iterable[Place | tuple[Place, ...]],
    function: PerJob,
    *,
    job_ids: Collection[int] | None = None,
    client: Any = None,
    progress: Progress | None = counted,
) -> pd.DataFrame:
    """What a function tells of each job, one job after another or under Dask.

    Each job's days are found first, and only these are read. Under Dask the workers open the
    recordings themselves: paths and results travel, frames do not. A recording that several
    machines work on must be found by the same path, or URL, on each.

    Args:
        recordings: A path or URL, or several of them. A tuple of paths among them is read as one
            recording: one that goes on, and the old days of it that lie elsewhere.
        function: Called with a source of the job's days and the job's number; returns one row
            (a mapping) or several (a frame). Under Dask it must be importable or picklable, as
            those of this package are.
        job_ids: These jobs only; ``None``: all.
        client: A ``distributed.Client``; ``None``: here, one after another.
        progress: Called with the number of jobs that are done, and how many there are.

    Returns:
        ``recording`` (its paths or URLs, without secrets), ``job_id`` (Int64), what the function
        returned, and ``error`` (string): why there is nothing of a job, or, with a missing
        ``job_id``, of a whole recording; missing where all went well. In the order of the
        recordings and jobs.
    """
    places = [recordings] if isinstance(recordings, str | os.PathLike) else list(recordings)
    wholes = list(dict.fromkeys(map(_whole, places)))
    run = _here if client is None else _under_dask(client)
    found = dict(run(_days, [(whole,) for whole in wholes]))
    todo: list[tuple[Whole, int, Days]] = []
    for number, whole in enumerate(wholes):
        days = found[number][0] or {}
        todo += [(whole, job, of) for job, of in days.items() if job_ids is None or job in job_ids]
    results: dict[int, Rows] = {}
    this = uuid.uuid4().hex
    for number, (value, error) in run(_told, [(*each, function, this) for each in todo]):
        whole, job_id, _ = todo[number]
        results[number] = rows_of(whole, job_id, value, error)
        if progress is not None:
            progress(len(results), len(todo))
    told: list[Rows] = []
    for number, whole in enumerate(wholes):
        if (error := found[number][1]) is not None:
            told.append(rows_of(whole, None, None, error))
        told += [results[n] for n, (of, _, _) in enumerate(todo) if of == whole]
    return joined(told)


def _whole(place: Place | tuple[Place, ...]) -> Whole:
    several = place if isinstance(place, tuple) else (place,)
    return tuple(os.fspath(each) for each in several)


Outcome = tuple[Any, str | None]
"""What came of a call, or why nothing did."""


def _here(
    call: Callable[..., Outcome], many: list[tuple[Any, ...]]
) -> Iterator[tuple[int, Outcome]]:
    """Number and outcome of each call, one after another."""
    try:
        for number, arguments in enumerate(many):
            yield number, call(*arguments)
    finally:
        _opened.cache_clear()  # a worker's memory is the cluster's, this is somebody's notebook


def _under_dask(client: Any) -> Callable[..., Iterator[tuple[int, Outcome]]]:
    """The same on the workers of a cluster, in the order in which they are done."""
    try:
        as_completed = import_module("distributed").as_completed
    except ImportError as error:
        raise AmiConsoleError(
            "Work under Dask needs dask and distributed: pip install 'ami-console[scale]'."
        ) from error

    def run(
        call: Callable[..., Outcome], many: list[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Outcome]]:
        futures = [client.submit(call, *arguments, pure=False) for arguments in many]
        numbers = {future.key: number for number, future in enumerate(futures)}
        try:
            for future in as_completed(futures):
                lost = future.exception()  # of the cluster itself: a worker that died, say
                outcome = future.result() if lost is None else (None, _why(lost))
                yield numbers[future.key], outcome
        finally:
            client.cancel([future for future in futures if not future.done()])

    return run


def _days(whole: Whole) -> Outcome:
    try:
        return days_of_jobs(*whole), None
    except Exception as error:  # one recording that fails is told of, the others go on
        return None, _why(error)


def _told(whole: Whole, job_id: int, days: Days, function: PerJob, run: str) -> Outcome:
    try:
        value = function(OfDays(_opened(whole, run), days), job_id)
        return (value if isinstance(value, pd.DataFrame) else dict(value)), None
    except Exception as error:  # one job that fails is told of, the others go on
        return None, _why(error)


@lru_cache(maxsize=KEPT_OPEN)
def _opened(whole: Whole, _run: str) -> Recording:
    """The recording, kept open for a run: its files are verified once, not for each job."""
    return open_recording(*whole)


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
