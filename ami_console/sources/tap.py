"""The tap: every acknowledgement and advisory, by a subscription that only listens."""

from typing import ClassVar

from ami_console.reading import SourceName
from ami_console.settings import Settings
from ami_console.sources.tap_listening import FLUSH_S, HELD_AT_MOST, Deliver, Limits, Listening
from ami_console.sources.tap_session import FULL_AT, PENDING_MSGS

__all__ = ["Tap", "live_taps"]


class Tap:
    """Listens to ``$JS.ACK.>`` and to the advisories of consumers and streams.

    It pushes: readings come when there is something to tell. Each speaks of the time since the
    one before, ``elapsed_s`` of it:

    - ``ok``: the subscriptions stood, and nothing is known to be lost. That was asked of the
      server by a round trip that began at ``observed_at`` (rows may be a little newer), so an
      empty reading, at most one a second, tells as much as one with rows. One that closely
      follows a failed one brings what had come in before the failure.
    - not ``ok``: something was lost, or could not be seen, and ``error`` says what and from when
      to when; one for each pause between looks as long as it lasts.

    ``bytes`` counts subjects and bodies, ``requests`` is 0. ``acked_at`` is when the message
    arrived here. Only acknowledgements of ``job_N`` streams become rows; ``image_id`` is missing,
    for the task itself is not listened to.

    It has a side effect: while it listens, a client that acknowledges *with confirmation* to a
    stream that is gone waits for its timeout, where it would have heard "no responders" at once.
    Antenna acknowledges without confirmation.
    """

    name: ClassVar[SourceName] = "tap"

    def __init__(
        self,
        settings: Settings,
        *,
        flush_s: float = FLUSH_S,
        pending_msgs: int = PENDING_MSGS,
        full_at: int = FULL_AT,
        held_at_most: int = HELD_AT_MOST,
    ) -> None:
        """Nothing is opened yet.

        Args:
            settings: Address and login of NATS; ``every_s`` is the pause between empty readings.
            flush_s: See :data:`FLUSH_S`.
            pending_msgs: Messages that nats-py may queue before it drops some.
            full_at: Messages that are handed on even before ``flush_s`` is over.
            held_at_most: See :data:`HELD_AT_MOST`.
        """
        self._settings = settings
        self._limits = Limits(flush_s, pending_msgs, full_at, held_at_most)
        self._listening: Listening | None = None
        self._ended_at: int | None = None

    def start(self, deliver: Deliver) -> None:
        """Listen until :meth:`stop`, through losses of the connection.

        Args:
            deliver: Called with each reading, in their order, on a thread of the tap.
        """
        if self._listening is None:
            self._listening = Listening(
                self._settings, deliver, limits=self._limits, unseen_since=self._ended_at
            )

    def stop(self) -> None:
        """Hand on what has come in, and close the connection; it can be started again."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.end()
            self._ended_at = listening.unseen_since


def live_taps(settings: Settings) -> list[Tap]:
    """The tap, where the settings switch it on; nothing is opened before it is started."""
    return [Tap(settings)] if settings.tap else []
