"""A way out for alerts, and how it says that one was not taken."""

from typing import Protocol

from ami_console.diagnosis.finding import Finding


class Undelivered(Exception):
    """An alert was not taken. The message is for the operator and holds no secret.

    Attributes:
        again: Whether another attempt may do better.
        arrived: Whether it may have been taken all the same, so that another attempt may tell
            somebody twice.
        after_s: How long the other side asks to be left alone, seconds; ``None``: it did not.
    """

    def __init__(
        self, said: str, *, again: bool, arrived: bool, after_s: float | None = None
    ) -> None:
        super().__init__(said)
        self.again = again
        self.arrived = arrived
        self.after_s = after_s


class Channel(Protocol):
    """A webhook or a command.

    Attributes:
        what: Its name for messages, without a secret.
        tries: How often an alert is tried that may have arrived.
        timeout_s: The longest that one attempt may last, seconds.
    """

    what: str
    tries: int
    timeout_s: float

    def deliver(self, content: bytes, *, event: str, finding: Finding, timeout_s: float) -> None:
        """Try once; blocks until it is done.

        Args:
            content: The alert as JSON.
            event: ``began`` or ``ended``.
            finding: What it is about.
            timeout_s: How long that may last, seconds.

        Raises:
            Undelivered: It was not taken.
        """

    def abort(self) -> None:
        """End an attempt that is under way, where that can be done; from another thread."""
