"""``ami-console report``: the post-mortem of a job as one page that opens offline."""

import argparse
import threading
from pathlib import Path
from typing import Self

from ami_console.apps.frame_files import About, parquet_bytes
from ami_console.cli import DONE
from ami_console.commands.printing import complain, printable
from ami_console.errors import UnknownJobError
from ami_console.live_diagnosis import rules_of
from ami_console.recording import Recording, open_recording
from ami_console.report import files, page
from ami_console.report.material import Material, material
from ami_console.settings import Settings

QUIET_S = 1.0
"""A step that is done sooner than this is not told of."""


def run(options: argparse.Namespace) -> int:
    """Write the report of a job in a recording, and its frames beside it if they are wanted."""
    out: Path = options.out
    files.check_place(out)
    settings = Settings.from_environment()
    path = options.recording or settings.recording
    recording = open_recording(path)
    with _Steps() as steps:
        steps.begin(f"reading job {options.job} from {path}")
        found = _found(recording, options.job, path, settings)
        steps.begin("drawing the charts")
        content = page(found).encode()
        files.write(out, content)
        print(printable(f"{out}, {len(content) / 1e6:.1f} MB: {found.told.cause.title}"))
        if options.frames:
            steps.begin("writing the frames")
            _write_frames(out.with_suffix(".frames"), recording, found)
    return DONE


def _found(recording: Recording, job_id: int, path: object, settings: Settings) -> Material:
    try:
        return material(recording, job_id, zone=settings.antenna_timezone, rules=rules_of(settings))
    except UnknownJobError:
        jobs = ", ".join(map(str, recording.jobs())) or "none"
        raise UnknownJobError(f"{path} knows nothing of job {job_id}; jobs in it: {jobs}") from None
    finally:
        for damage in recording.damaged:
            complain(f"left out {damage.path}: {damage.reason}")


def _write_frames(folder: Path, recording: Recording, found: Material) -> None:
    held = {}
    for name, frame in files.job_frames(recording, found.job_id, until=found.as_of).items():
        about = About(
            frame=name, as_of=found.as_of, job_id=found.job_id, source=", ".join(found.names)
        )
        held[name] = parquet_bytes(frame, about)
    files.write_frames(folder, held)
    size = sum(map(len, held.values())) / 1e6
    print(f"{printable(str(folder))}, {len(held)} frames as Parquet, {size:.1f} MB")


class _Steps:
    """Says what is being done, once it takes long enough to wonder."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def begin(self, step: str) -> None:
        """The next step; told when it takes longer than ``QUIET_S``."""
        self._stop()
        self._timer = threading.Timer(QUIET_S, _tell, [step])
        self._timer.daemon = True
        self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _tell(step: str) -> None:
    complain(f"{step} …")
