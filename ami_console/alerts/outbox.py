"""Alerts on their way out through one channel: in order, and tried again after a failure."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ami_console.alerts.channel import Channel, Undelivered
from ami_console.alerts.episodes import Change

log = logging.getLogger(__name__)

_ABORT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on after failures.

    Attributes:
        first_s: Pause after the first failure, seconds; doubled with each, less up to a half.
        longest_s: The longest pause, seconds.
        give_up_after_s: Give up after so many seconds; while an episode lasts, who was never
            reached is tried for longer.
        queue_limit: How many alerts may wait.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    give_up_after_s: float = 900.0
    queue_limit: int = 200


@dataclass(slots=True, eq=False)
class _Waiting:
    change: Change
    queued: float
    due: float
    failures: int = 0
    arrivals: int = 0


class Outbox:
    """A queue and a daemon thread of its own, which starts with the first alert.

    Of one episode, "ended" never overtakes "began", and does not go out when "began" was given
    up: nobody knows what ended. A failing alert does not hold up those of other episodes.
    """

    def __init__(
        self, channel: Channel, *, body: Callable[[Change], bytes], patience: Patience
    ) -> None:
        self._channel = channel
        self._body = body
        self._patience = patience
        self._waiting: list[_Waiting] = []
        self._untold: set[int] = set()
        self._pause_until = 0.0
        self._trouble: str | None = None
        self._reason: str | None = None  # the trouble without what comes of it
        self._is_logged = False
        self._dropped = 0
        self._end_at: float | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def put(self, change: Change) -> None:
        """Queue an alert; never blocks. Does nothing after :meth:`finish`."""
        with self._changed:
            if self._end_at is not None:
                return
            if change.event == "ended" and change.episode in self._untold:
                self._untold.discard(change.episode)
                return
            if len(self._waiting) >= self._patience.queue_limit:
                self._dropped += 1
                self._leave_untold(change)
                self._log_once(self._overflow())
                return
            now = time.monotonic()
            self._waiting.append(_Waiting(change, now, now))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @property
    def error(self) -> str | None:
        """What is wrong at present, ``None`` when the last attempt went well."""
        with self._changed:
            said = [self._trouble, self._overflow() if self._dropped else None]
            return "; ".join(each for each in said if each) or None

    def finish(self, *, timeout_s: float) -> None:
        """Try what waits at once, for so many seconds, and take nothing more; does not wait."""
        with self._changed:
            if self._end_at is not None:
                return
            now = time.monotonic()
            self._end_at = now + timeout_s
            self._pause_until = 0.0
            for each in self._waiting:
                each.due = min(each.due, now)
            self._changed.notify_all()

    def join(self) -> None:
        """Wait for what :meth:`finish` allows, then end what still goes on."""
        thread, end_at = self._thread, self._end_at
        if thread is not None and end_at is not None:
            thread.join(max(0.0, end_at - time.monotonic()))
            if thread.is_alive():
                self._channel.abort()
                thread.join(_ABORT_S)
        with self._changed:
            if self._waiting:
                why = self._reason or self._channel.what
                self._trouble = f"alerts not delivered before the end: {len(self._waiting)}; {why}"
                log.error("%s", self._trouble)
                self._waiting.clear()

    def _run(self) -> None:
        while (waiting := self._next()) is not None:
            timeout_s = self._channel.timeout_s
            if self._end_at is not None:
                timeout_s = min(timeout_s, max(0.1, self._end_at - time.monotonic()))
            change = waiting.change
            try:
                self._channel.deliver(
                    self._body(change),
                    event=change.event,
                    finding=change.finding,
                    timeout_s=timeout_s,
                )
            except Undelivered as failure:
                self._failed(waiting, failure)
            except Exception as error:  # the thread must live; the text may hold a secret
                said = f"{self._channel.what}: unexpected {type(error).__name__}"
                self._failed(waiting, Undelivered(said, again=False, arrived=True))
            else:
                self._delivered(waiting)

    def _next(self) -> _Waiting | None:
        """Wait for an alert that is due; ``None``: there will be none."""
        with self._changed:
            while True:
                now = time.monotonic()
                first = min(self._heads(), key=lambda each: each.due, default=None)
                due = None if first is None else max(first.due, self._pause_until)
                if self._end_at is not None and (due is None or max(due, now) >= self._end_at):
                    return None
                if due is not None and due <= now:
                    return first
                self._changed.wait(None if due is None else due - now)

    def _heads(self) -> list[_Waiting]:
        """The first that waits of each episode."""
        heads: dict[int, _Waiting] = {}
        for each in self._waiting:
            heads.setdefault(each.change.episode, each)
        return list(heads.values())

    def _delivered(self, waiting: _Waiting) -> None:
        with self._changed:
            if waiting not in self._waiting:
                return  # the end came first, and it is said to be undelivered
            self._remove(waiting)
            if self._is_logged:
                log.warning("%s: alerts are delivered again", self._channel.what)
            self._trouble, self._reason, self._is_logged = None, None, False

    def _failed(self, waiting: _Waiting, failure: Undelivered) -> None:
        patience = self._patience
        with self._changed:
            if waiting not in self._waiting:
                return
            now = time.monotonic()
            self._reason = str(failure)
            waiting.failures += 1
            waiting.arrivals += failure.arrived
            is_late = now - waiting.queued >= patience.give_up_after_s
            if not failure.again:
                self._give_up(waiting, f"{failure}; this alert is not tried again")
                return
            if waiting.arrivals >= self._channel.tries:
                self._give_up(waiting, f"{failure}; given up after {waiting.failures} attempts")
                return
            if is_late and not self._goes_on(waiting.change):
                self._give_up(waiting, f"{failure}; given up after {patience.give_up_after_s:g} s")
                return
            longest_s = min(
                patience.longest_s, patience.first_s * 2 ** min(waiting.failures - 1, 30)
            )
            pause_s = longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            if failure.after_s is not None:
                asked_s = min(failure.after_s, patience.give_up_after_s)
                pause_s = max(pause_s, asked_s)
                if self._end_at is None:
                    self._pause_until = max(self._pause_until, now + asked_s)
            waiting.due = now + pause_s
            self._trouble = f"{failure}; it is tried again, {len(self._waiting)} to deliver"
            if is_late:
                self._log_once(self._trouble)

    def _goes_on(self, change: Change) -> bool:
        """Whether it is the beginning of an episode whose end does not wait behind it."""
        return change.event == "began" and not any(
            each.change.event == "ended" and each.change.episode == change.episode
            for each in self._waiting
        )

    def _give_up(self, waiting: _Waiting, said: str) -> None:
        self._remove(waiting)
        self._leave_untold(waiting.change)
        self._trouble = said
        self._log_once(said)

    def _leave_untold(self, change: Change) -> None:
        """What nobody was told has no end either."""
        if change.event != "began":
            return
        behind = [each for each in self._waiting if each.change.episode == change.episode]
        for each in behind:
            self._remove(each)
        if not behind:
            self._untold.add(change.episode)

    def _remove(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        if not self._waiting:
            self._dropped = 0

    def _overflow(self) -> str:
        return (
            f"{self._channel.what}: {self._patience.queue_limit} alerts wait, "
            f"{self._dropped} more were dropped"
        )

    def _log_once(self, said: str) -> None:
        if not self._is_logged:
            log.error("%s", said)
        self._is_logged = True
