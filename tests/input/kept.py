"""What becomes of a reading: it is held, recorded, read back and judged, whatever is in it."""

import pandas as pd

from ami_console import frames
from ami_console.diagnosis import consistency, diagnose
from ami_console.errors import AmiConsoleError
from ami_console.history import History
from ami_console.reading import Reading
from ami_console.recording import parts, tail

OUR_FAULT = "in an unexpected way"
"""What a reading says of an error that is none of the error tree."""


def assert_short(error: AmiConsoleError) -> None:
    """The error is one for people."""
    assert 20 < len(str(error)) < 2_000


def assert_told(reading: Reading) -> None:
    """A failed look has rows of nothing and says why, in words for people."""
    assert OUR_FAULT not in (reading.error or "")
    if not reading.ok:
        assert reading.error
        assert not reading.rows
    assert len(reading.error or "") < 2_000


def assert_kept(*readings: Reading, judged: bool = False) -> History:
    """The readings can be held and recorded, and what is read back is the same.

    Args:
        readings: Of any sources.
        judged: Whether they are judged too, which takes longer.
    """
    history = History(keep_s=1e12)
    for reading in readings:
        assert_told(reading)
        history.add(reading)
        lines = tail.decode(tail.encode(reading))
        assert not lines.bad
        for name, rows in reading.rows.items():
            table, misfits = parts.from_rows(name, lines.rows.get(name, []))
            assert not misfits
            assert table.num_rows == len(rows)
            told, held = table.to_pylist(), parts.from_rows(name, [rows])[0].to_pylist()
            assert told == held
    for name in {name for reading in readings for name in reading.rows}:
        assert dict(frames.empty(name).dtypes) == dict(history.frame(name).dtypes)
    if judged and readings:
        as_of = pd.Timestamp(max(reading.observed_at for reading in readings), tz="UTC")
        for finding in diagnose(history, as_of=as_of):
            assert finding.why
        for job_id in history.frame("jobs")["job_id"].dropna().unique()[:2]:
            consistency(history, int(job_id), as_of=as_of)
    return history
