"""A report as files: the page, and the job's frames beside it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pandas as pd

from ami_console import frames
from ami_console.errors import RecordingError
from ami_console.frames import FrameSource


def job_frames(source: FrameSource, job_id: int, *, until: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The frames of one job that have a row, by name; of the reads those of its time.

    Args:
        source: Live history or a recording.
        job_id: The job.
        until: Nothing later is given.
    """
    of_job = [name for name in frames.FRAMES if "job_id" in frames.schema(name)]
    held = {name: source.frame(name, job_id=job_id, until=until) for name in of_job}
    first = min((frame["observed_at"].min() for frame in held.values() if len(frame)), default=None)
    if first is not None:
        held["reads"] = source.frame("reads", since=first, until=until)
    return {name: frame for name, frame in held.items() if len(frame)}


def check_place(out: Path) -> None:
    """See that a file can be written there, before minutes of work are lost.

    Raises:
        RecordingError: Its folder is not there, or it is a folder itself.
    """
    if out.is_dir():
        raise RecordingError(f"{out} is a folder; name a file in it, such as {out / 'job.html'}")
    if not out.parent.is_dir():
        raise RecordingError(f"the folder {out.parent} is not there; make it, or choose another")


def write(out: Path, content: bytes) -> None:
    """Write a file at once: who reads it meanwhile sees the old one or the new one, never half.

    Args:
        out: The file; one that is there is replaced.
        content: Its bytes.

    Raises:
        RecordingError: It can't be written.
    """
    half = out.with_name(f".{out.name}.{os.getpid()}.half")
    try:
        half.write_bytes(content)
        half.replace(out)
    except OSError as error:
        raise RecordingError(f"{out} can't be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)


def write_frames(folder: Path, held: Mapping[str, bytes]) -> None:
    """Write files of frames into a folder, which is made.

    Args:
        folder: Where to; files of frames that the job does not have are removed.
        held: Name of the frame → its file.

    Raises:
        RecordingError: One can't be written.
    """
    try:
        folder.mkdir(exist_ok=True)
        for name in frames.FRAMES.keys() - held.keys():
            (folder / f"{name}.parquet").unlink(missing_ok=True)
    except OSError as error:
        raise RecordingError(f"{folder} can't be written: {error.strerror or error}") from error
    for name, content in held.items():
        write(folder / f"{name}.parquet", content)
