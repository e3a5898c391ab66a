"""Recorded JSON, changed as no server that is well would: the strategies of these tests.

A body is a tree of lists and of :class:`Members`: an object that may have a key twice. Written down
by :func:`dumped`, not by ``json``, so that it may also hold what JSON forbids.
"""

import copy
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

INT64_MAX = 2**63 - 1


class Raw(str):
    """JSON text that is written as it stands."""


class Members(list[list[Any]]):
    """Key and value of each member of an object."""


def nested(depth: int) -> Raw:
    """A list in a list in a list …"""
    return Raw("[" * depth + "]" * depth)


NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 7, "7", "-7", "007", "7.0", "٣", "NaN", "", True, None, [7],
    INT64_MAX, INT64_MAX + 1, -INT64_MAX - 1, -INT64_MAX - 2, 2**64 - 1, 2**64, 10**40, 10**400,
    Raw("1.0"), Raw("-0"), Raw("-0.0"), Raw("0.5"), Raw("1e3"), Raw("1e300"), Raw("1e999"),
    Raw("9007199254740993.0"), Raw("9223372036854775807.0"), Raw("NaN"), Raw("-Infinity"),
    "9" * 19, "9" * 5000,
)  # fmt: skip
TIMES: tuple[Any, ...] = (
    0, None, "", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "0002-01-01T00:00:00Z",
    "1677-09-21T00:12:43Z", "1969-12-31T23:59:59Z", "2262-04-11T23:47:17Z", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59", "2026-11-23T10:14:20", "2026-11-23T10:14:20.1234567891234Z",
    "2026-11-23T10:14:20,5Z", "2026-11-23T10:14:20+23:59:59.999999",
    "2026-11-23T10:14:20." + "1" * 5000, "2026-W48-1T10:14:20Z", "2026-11-23T24:00:00Z",
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None, True, False, "", " ", 0, 7, [], [7], [[]],
    Members(), Members([["id", 7]]), Members([["error", Members([["err_code", 10059]])]]),
    Raw('"\\ud800"'), Raw('"\\u0000"'), Raw('"\\u202e"'), Raw("'"), Raw(""),
    "STARTED", "SUCCESS", "process", "job_3", "job_7", "job-7-consumer", "job_٣",
    "job_" + "9" * 5000,
    "$JS.ACK.job_3.c.1.0.1.1.1", "=1+1", "<script>", "\x1b[2J", "../../etc/passwd", "x" * 10_000,
    nested(50), nested(990), nested(1100),
)  # fmt: skip


HOSTILE = NUMBERS + TIMES + OTHERS
"""Values that nobody expects."""


def tree(value: Any) -> Any:
    """The body as lists and members."""
    if isinstance(value, dict):
        return Members([[key, tree(each)] for key, each in value.items()])
    return [tree(each) for each in value] if isinstance(value, list) else value


def dumped(value: Any) -> str:
    """The body as JSON, or nearly."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Members):
        return "{" + ",".join(f"{dumped(key)}:{dumped(each)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumped, value)) + "]"
    return json.dumps(value)


def _place(draw: st.DrawFn, value: list[Any]) -> tuple[list[Any], int]:
    """A place in a tree that is not empty: what holds a value, and where in it.

    What lies high is met more often: it matters more, and there is less of it.
    """
    while True:
        at = draw(st.integers(0, len(value) - 1))
        inner = _get(value, at)
        if not isinstance(inner, list) or not inner or not draw(st.integers(0, 3)):
            return value, at
        value = inner


def _like(value: Any) -> tuple[Any, ...]:
    """Hostile values for the place of this one."""
    if isinstance(value, str) and value[4:5] == "-" and value[10:11] == "T":
        return TIMES
    return NUMBERS if isinstance(value, int | float) and not isinstance(value, bool) else OTHERS


def _set(holder: list[Any], at: int, value: Any) -> None:
    if isinstance(holder, Members):
        holder[at] = [holder[at][0], value]
    else:
        holder[at] = value


def _get(holder: list[Any], at: int) -> Any:
    return holder[at][1] if isinstance(holder, Members) else holder[at]


@st.composite
def _mutated(draw: st.DrawFn, bodies: tuple[bytes, ...], most: int) -> bytes:
    body = [tree(json.loads(draw(st.sampled_from(bodies))))]
    for _ in range(draw(st.integers(0, most))):
        if not body:
            break
        holder, at = _place(draw, body)
        held = _get(holder, at)
        match draw(
            st.sampled_from(["like", "like", "like", "other", "drop", "double", "nest", "swap"])
        ):
            case "like":
                _set(holder, at, copy.deepcopy(draw(st.sampled_from(_like(held)))))
            case "other":
                _set(holder, at, copy.deepcopy(draw(st.sampled_from(HOSTILE))))
            case "drop":
                del holder[at]
            case "double":
                holder.insert(at, copy.deepcopy(holder[at]))
            case "nest":
                _set(holder, at, [held])
            case _:
                other = _get(*_place(draw, body))
                if isinstance(holder, Members) and draw(st.booleans()):
                    holder[at] = [draw(st.sampled_from(holder))[0], held]
                else:
                    _set(holder, at, _scalar(other))
    return "".join(map(dumped, body)).encode("utf-8", "surrogatepass")


def _scalar(value: Any) -> Any:
    """The value, if it is no container: a tree may not hold itself."""
    return None if isinstance(value, list) else value


def mutated(bodies: Sequence[bytes], *, most: int = 6) -> st.SearchStrategy[bytes]:
    """One of the bodies with some changes: values of another kind, dropped, doubled, nested, huge.

    Args:
        bodies: JSON, as it was recorded.
        most: Changes at most.
    """
    return _mutated(tuple(bodies), most)


@st.composite
def _damaged(draw: st.DrawFn, content: st.SearchStrategy[bytes]) -> bytes:
    data = bytearray(draw(content))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["cut", "flip", "put", "repeat"])):
            case "cut":
                del data[at:]
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "put":
                data[at:at] = draw(
                    st.sampled_from([b"\x00", b"\n", b"\r\n", b"\xff", b'"', b"{", b"\xef\xbb\xbf"])
                )
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 200))]
    return bytes(data)


def damaged(content: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """The bytes cut off, with flipped bits, with pieces put in or repeated."""
    return _damaged(content)


def exactly(text: bytes) -> Any:
    """JSON read independently of the package, every number exact; of doubled keys the last.

    Raises:
        ValueError: It is none.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(name)


def may_be(told: object, got: int | None, *, least: int = 0) -> bool:
    """Whether a number may be what a row makes of the value that the body tells.

    A plain whole number that fits must come through; text and decimals may be left out; nothing may
    become another number.
    """
    if isinstance(told, bool) or told is None:
        return got is None
    if type(told) is int:
        return got == (told if least <= told <= INT64_MAX else None)
    if got is None:
        return True
    try:
        return got >= least and Decimal(told) == got  # type: ignore[arg-type]
    except (ArithmeticError, TypeError, ValueError):
        return False
