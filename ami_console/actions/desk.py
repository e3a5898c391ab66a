"""Where all pages of a process ask for actions: one at a time per job, off their own threads."""

import logging
import threading
from collections.abc import Callable

from ami_console.actions.action import NOT_ALLOWED, Action
from ami_console.actions.outcome import PATIENCE_S
from ami_console.actions.perform import ActionRefused, Performing, Sources, Who, perform
from ami_console.recorder import Recorder
from ami_console.settings import Settings
from ami_console.sources.live import state_sources

log = logging.getLogger(__name__)


class Desk:
    """Takes actions, does each on a thread of its own, and keeps the newest of each job.

    Attributes:
        settings: Where the sources are, and whether actions are allowed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        recorder: Recorder | None = None,
        may_look: Callable[[], bool] = lambda: True,
        patience_s: float = PATIENCE_S,
        sources: Sources = state_sources,
    ) -> None:
        """Nothing is opened yet.

        Args:
            settings: Where the sources are, and whether actions are allowed.
            recorder: Of the recording that this process writes, if it does.
            may_look: Whether the sources may be asked just now; a paused watch asks nobody.
            patience_s: How long an outcome is followed, seconds.
            sources: Makes the live sources.
        """
        self.settings = settings
        self._recorder, self._may_look = recorder, may_look
        self._patience_s, self._sources = patience_s, sources
        self._lock = threading.Lock()
        self._newest: dict[int, Performing] = {}
        self._threads: set[threading.Thread] = set()

    @property
    def is_allowed(self) -> bool:
        """Whether the settings allow actions."""
        return self.settings.allow_actions

    def of(self, job_id: int) -> Performing | None:
        """The newest action on a job; ``None``: there was none."""
        return self._newest.get(job_id)

    def begin(self, action: Action, job_id: int, who: Who) -> Performing:
        """Do it on another thread.

        Raises:
            ActionRefused: It is not allowed, or another action on this job is just being sent.
        """
        if not self.is_allowed:
            raise ActionRefused(NOT_ALLOWED)
        if not self._may_look():
            raise ActionRefused("The watch is paused: go on first, so that the outcome is seen.")
        doing = Performing(action=action, job_id=job_id)
        with self._lock:
            before = self._newest.get(job_id)
            if before is not None and before.step in ("looking", "asking"):
                raise ActionRefused(
                    f"{before.action.capitalize()} is just being sent: wait for it."
                )
            self._newest[job_id] = doing
            thread = threading.Thread(
                target=self._do, args=(doing, who), name=f"{action} {job_id}", daemon=True
            )
            self._threads.add(thread)
        thread.start()
        return doing

    def _do(self, doing: Performing, who: Who) -> None:
        try:
            perform(
                self.settings,
                doing,
                who,
                recorder=self._recorder,
                patience_s=self._patience_s,
                may_look=self._may_look,
                sources=self._sources,
            )
        except ActionRefused as error:
            log.warning("%s of job %d: %s", doing.action, doing.job_id, error)
        except Exception:
            log.exception("%s of job %d failed in an unexpected way", doing.action, doing.job_id)
            sent = "Whether it was done is not known" if doing.asked_at else "Nothing was sent"
            doing.problem = f"{sent}: something unexpected went wrong here; see the log."
            doing.step = "ended" if doing.asked_at else "refused"
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def join(self, within_s: float) -> None:
        """Wait for actions that are on their way, so that their outcome is still kept."""
        for thread in tuple(self._threads):
            thread.join(within_s)


_current: Desk | None = None


def use(desk: Desk | None) -> None:
    """Make this the desk of every page that this process opens; ``None``: there is none."""
    global _current  # noqa: PLW0603  (one watch per process, and so one desk)
    _current = desk


def current() -> Desk | None:
    """The desk of this process; ``None``: it offers no actions."""
    return _current
