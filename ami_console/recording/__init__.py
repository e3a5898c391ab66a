"""A recording: looks appended safely while others read, and kept as plain Parquet.

See :mod:`ami_console.recording.layout` for what lies where.
"""

from ami_console.recording.reader import Recording, open_recording
from ami_console.recording.store import Damage
from ami_console.recording.writer import RecordingWriter

__all__ = ["Damage", "Recording", "RecordingWriter", "open_recording"]
