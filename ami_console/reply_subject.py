"""The subject to which an acknowledgement is sent: it tells message, attempt and consumer."""

import re
from typing import NamedTuple

# The usual form, with numbers that surely fit 64 bits.
_USUAL = re.compile(
    r"\$JS\.ACK\.job_([1-9][0-9]{0,17})\.[^.]*" + 5 * r"\.([0-8]?[0-9]{1,18})", re.ASCII
)
_INT64_MAX = 2**63 - 1


class ReplySubject(NamedTuple):
    """What a reply subject of a ``job_N`` stream says.

    Attributes:
        job_id: Number of the job.
        delivery: Which attempt to deliver the message this is; 1 is the first.
        stream_seq: Number of the message in the stream.
        consumer_seq: Number of the delivery, of all that the consumer made.
        stored_at: When the message was stored in the stream (not delivered), ns since the epoch.
        num_pending: Messages that had not been delivered yet, at the delivery.
    """

    job_id: int
    delivery: int
    stream_seq: int
    consumer_seq: int
    stored_at: int
    num_pending: int


def parse(subject: str) -> ReplySubject | None:
    """The parts of a reply subject; ``None`` of what is none, or is of no ``job_N`` stream.

    Args:
        subject: ``$JS.ACK.<stream>.<consumer>.<delivery>.<stream seq>.<consumer seq>.<stored,
            ns>.<pending>``: nine tokens. With eleven and more, domain and account hash stand
            behind ``ACK``; the number of tokens decides.
    """
    if usual := _USUAL.fullmatch(subject):
        return ReplySubject._make(map(int, usual.groups()))
    tokens = subject.split(".")
    size = len(tokens)
    if size < 9 or size == 10 or tokens[0] != "$JS" or tokens[1] != "ACK":
        return None
    at = 2 if size == 9 else 4
    stream = tokens[at]
    digits = [stream[4:], *tokens[at + 2 : at + 7]]
    if not stream.startswith("job_") or digits[0].startswith("0"):
        return None
    text = "".join(digits)
    if not (text.isascii() and text.isdecimal() and all(digits)):
        return None
    if len(digits[0]) > 18 or max(map(len, digits)) > 19:
        return None
    numbers = [int(number) for number in digits]
    return ReplySubject(*numbers) if max(numbers) <= _INT64_MAX else None
