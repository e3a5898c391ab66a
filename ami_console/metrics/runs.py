"""What was the same from look to look, as stretches of time; what lies in a gap is not known."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ami_console.metrics.arrays import Flags, Instants
from ami_console.metrics.settled import gap_limit_s
from ami_console.metrics.source_gaps import NS_PER_S

UNKNOWN = -1
"""Code of a look that did not tell."""


class Run(NamedTuple):
    """Looks of one code that follow each other.

    Attributes:
        begin_ns: Of the first of them, ns since the epoch.
        end_ns: When it was first seen otherwise, or not seen any more.
        code: What they have in common; ``UNKNOWN``: it was not seen.
        first: Number of the first of them; of what was not seen, of the look before it.
    """

    begin_ns: int
    end_ns: int
    code: int
    first: int


def runs(
    at_ns: Instants,
    codes: npt.NDArray[np.integer[Any]],
    *,
    failed_ns: Instants,
    until_ns: int,
    lasting: frozenset[int] = frozenset(),
) -> list[Run]:
    """Runs of equal codes; what lies between two looks with a gap between them is not known.

    Args:
        at_ns: When each look was made, in order, ns since the epoch.
        codes: What each told.
        failed_ns: When the source could not be read, in order.
        until_ns: The instant judged at.
        lasting: Codes that do not change by themselves: equal on both sides of a gap, they hold
            in it too, and after the last look.
    """
    if not len(at_ns):
        return []
    is_gap = _gaps(at_ns, failed_ns) & ~(
        np.isin(codes[1:], list(lasting)) & (codes[1:] == codes[:-1])
    )
    starts = np.flatnonzero(np.append(True, is_gap | (codes[1:] != codes[:-1])))
    found: list[Run] = []
    for number, start in enumerate(starts):
        last = (starts[number + 1] if number + 1 < len(starts) else len(at_ns)) - 1
        code, begin_ns = int(codes[start]), int(at_ns[start])
        if last == len(at_ns) - 1:
            found.append(Run(begin_ns, int(at_ns[last]), code, int(start)))
        elif is_gap[last]:
            found.append(Run(begin_ns, int(at_ns[last]), code, int(start)))
            found.append(Run(int(at_ns[last]), int(at_ns[last + 1]), UNKNOWN, int(last)))
        else:
            found.append(Run(begin_ns, int(at_ns[last + 1]), code, int(start)))
    last_ns = int(at_ns[-1])
    is_late = until_ns - last_ns > gap_limit_s(at_ns / 1e9) * NS_PER_S
    fails = bool(len(failed_ns)) and failed_ns[-1] > last_ns
    if (is_late or fails) and found[-1].code not in lasting:
        found.append(Run(last_ns, until_ns, UNKNOWN, len(at_ns) - 1))
    return found


def _gaps(at_ns: Instants, failed_ns: Instants) -> Flags:
    """Between which looks and the next ones lies a gap."""
    before = np.searchsorted(failed_ns, at_ns)
    is_long = np.diff(at_ns) > gap_limit_s(at_ns / 1e9) * NS_PER_S
    return np.asarray(is_long | (np.diff(before) > 0))
