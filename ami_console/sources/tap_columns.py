"""Acknowledgements by the ten thousand: kept as they come, turned into columns all at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ami_console.batch import Batch
from ami_console.sources.tap_rows import ack_kind, ack_row

HEAD_BYTES = 16
"""Bytes of a body that are kept: the longest kind has five, the rest of a body is not looked at."""

_NUMBER = "[0-8]?[0-9]{1,18}"  # what surely fits 64 bits
_BEHIND_STREAM = rf"\.[^.]*(?:\.{_NUMBER}){{5}}"
_PLAIN = rf"^\$JS\.ACK\.job_[1-9][0-9]{{0,17}}{_BEHIND_STREAM}$"
_WITH_DOMAIN = rf"^\$JS\.ACK\.[^.]*\.[^.]*\.job_[1-9][0-9]{{0,17}}{_BEHIND_STREAM}(?:\..*)?$"
_STREAM_TOKEN = {_PLAIN: 2, _WITH_DOMAIN: 4}
_JOB_AT = len("job_")

_NUMBERS = ("delivery", "stream_seq", "consumer_seq", "stored_at", "num_pending_then")
_COUNTS = ("job_id", *_NUMBERS)

Integers = npt.NDArray[np.int64]


class HeldAcks:
    """Acknowledgements as they were received; to add one is all that is done while they come.

    Attributes:
        subjects: Subject of each.
        heads: The first :data:`HEAD_BYTES` bytes of each body.
        received_at: When each was received, ns since the epoch.
    """

    __slots__ = ("heads", "received_at", "subjects")

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.heads: list[bytes] = []
        self.received_at: list[int] = []

    def __len__(self) -> int:
        return len(self.subjects)

    def batch(self) -> Batch:
        """Rows of the ``acks`` frame, see :func:`acks_batch`."""
        return acks_batch(self.subjects, self.heads, self.received_at)


def acks_batch(
    subjects: Sequence[str], heads: Sequence[bytes], received_at: Sequence[int]
) -> Batch:
    """Rows of the ``acks`` frame, of the acknowledgements of ``job_N`` streams.

    The same that :func:`~ami_console.sources.tap_rows.ack_row` gives one by one. The usual
    forms are parsed in bulk and without the interpreter's lock, so that the next ones can be
    received meanwhile; whatever looks unusual is given to ``ack_row``.

    Args:
        subjects: ``$JS.ACK.`` and so on.
        heads: The beginnings of the bodies.
        received_at: When they were received, ns since the epoch.

    Returns:
        In the order in which they came. ``image_id`` is missing: the subject does not tell.
    """
    columns: dict[str, Any] = {name: np.zeros(len(subjects), np.int64) for name in _COUNTS}
    is_ours = np.zeros(len(subjects), bool)
    texts = pa.array(subjects, pa.string())
    for pattern, stream_token in _STREAM_TOKEN.items():
        matching = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
        matching &= ~is_ours
        if matching.any():
            chosen = texts if matching.all() else texts.filter(pa.array(matching))
            for name, values in _numbers(chosen, stream_token).items():
                columns[name][matching] = values
            is_ours |= matching
        if is_ours.all():
            break
    for index in np.flatnonzero(~is_ours).tolist():
        row = ack_row(subjects[index], None, observed_at=received_at[index])
        if row is not None:
            is_ours[index] = True
            for name in _COUNTS:
                columns[name][index] = row[name]
    columns["acked_at"] = columns["observed_at"] = np.array(received_at, np.int64)
    kinds = _kinds(heads)
    constants = {}
    if isinstance(kinds, list):
        columns["kind"] = kinds
    else:
        constants["kind"] = kinds
    batch = Batch(len(subjects), columns, constants)
    return batch if is_ours.all() else batch.where(is_ours)


def _numbers(subjects: pa.Array, stream_token: int) -> dict[str, Integers]:
    """The numbers in subjects that match the pattern of ``stream_token``."""
    tokens = pc.split_pattern(subjects, ".")

    def numbers(token: int, skip: int = 0) -> Integers:
        texts = pc.list_element(tokens, token)
        return pc.cast(
            pc.utf8_slice_codeunits(texts, skip) if skip else texts, pa.int64()
        ).to_numpy()

    found = {"job_id": numbers(stream_token, _JOB_AT)}
    for token, name in enumerate(_NUMBERS, stream_token + 2):
        found[name] = numbers(token)
    return found


def _kinds(heads: Sequence[bytes]) -> list[str | None] | str | None:
    """Kind of each body; not a list when all are of one kind."""
    known = {head: ack_kind(head.decode("utf-8", "replace")) for head in set(heads)}
    if len(set(known.values())) <= 1:
        return next(iter(known.values()), None)
    return [known[head] for head in heads]
