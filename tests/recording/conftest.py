"""Recorders in processes of their own, to be read beside and to be killed."""

import contextlib
import multiprocessing
import resource
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from recorded_looks import StartRecorder, record_until


@pytest.fixture(scope="session")
def processes() -> multiprocessing.context.ForkServerContext:
    """Real processes that start in milliseconds, as the server has imported the package."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ami_console.recording", "recorded_looks"])
    return context


@pytest.fixture
def start_recorder(
    processes: multiprocessing.context.ForkServerContext,
) -> Iterator[StartRecorder]:
    """Start a recorder: path, first look, end, segment_s → process, what it says."""
    started: list[tuple[BaseProcess, Connection]] = []

    def start(path: Path, begin: int, end: int, segment_s: float) -> tuple[BaseProcess, Connection]:
        hear, say = processes.Pipe(duplex=False)
        process = processes.Process(target=record_until, args=(path, begin, end, segment_s, say))
        process.start()
        say.close()
        started.append((process, hear))
        return process, hear

    yield start
    for process, hear in started:
        process.kill()
        process.join()
        process.close()
        hear.close()


@pytest.fixture
def largest_file() -> Iterator[Callable[[int], contextlib.AbstractContextManager[None]]]:
    """Have the system refuse to let files of this process grow beyond some bytes.

    To a program this is what a full disk is: a write that takes a piece and then fails.
    """
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def limited(size: int) -> Iterator[None]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    yield limited
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)
