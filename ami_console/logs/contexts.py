"""What a line tells only together with the lines before it of the same process."""

from collections.abc import Sequence
from typing import Any

from ami_console.logs.events import Events
from ami_console.logs.heads import SourceKind
from ami_console.logs.streams import Process
from ami_console.reply_subject import ReplySubject

RESULT_TASK = "process_nats_pipeline_result"
"""The Celery task that saves a result."""

_OF_THE_MESSAGE = frozenset({"occurrences", "result_error", "saved"})
_ACKED = frozenset({"acked", "ack_failed"})
_ENDED = frozenset({"task_done", "task_failed", "task_retried"})
_TURNS = _ACKED | _ENDED | {"running", "processing"}
_HELD = frozenset({"worker_fetched", "worker_crashed"})
_RESERVATIONS = frozenset({"reserved", "fetched"})
_MOST_PROCESSES = 10_000
_UNCLAIMED = 64  # reservations of one process that no line of a fetch has followed


class Contexts:
    """Remembers across blocks of lines what each process is at.

    A process of Celery saves one result at a time: what it writes between ``processing`` and
    ``acked`` is of that message, so that an image is known by its message. It runs one job at a
    time: what it writes from ``running`` to the end of the task is of that job. Django says which
    job a worker fetched from only in the line before, of the same process.
    """

    def __init__(self) -> None:
        self._saving: dict[Process, ReplySubject] = {}
        self._saved: dict[Process, ReplySubject] = {}
        self._running: dict[Process, int] = {}
        self._held: dict[Process, tuple[int | None, int]] = {}
        self._reserved: dict[Process, list[_Reservation]] = {}
        self._by_process: tuple[dict[Process, Any], ...] = (
            self._saving,
            self._saved,
            self._running,
            self._held,
            self._reserved,
        )

    def complete(
        self, processes: Sequence[Process], sources: Sequence[SourceKind], events: Events
    ) -> None:
        """Fill in ``job_id``, and the columns of the reply subject, where the context tells."""
        for held in self._by_process:
            if len(held) > _MOST_PROCESSES:
                held.clear()
        if "celery" in sources:
            self._complete_celery(processes, sources, events)
        if _HELD.isdisjoint(events.kinds) and ("django" not in sources):
            return
        for place, kind in enumerate(events.kinds):
            if kind in _RESERVATIONS and sources[place] == "django":
                self._complete_fetch(processes[place], place, events)
            elif kind in _HELD:
                self._complete_crash(processes[place], place, events)

    def _complete_celery(
        self, processes: Sequence[Process], sources: Sequence[SourceKind], events: Events
    ) -> None:
        job_ids, told = events.column("job_id"), dict(events.subjects)
        events.subjects.clear()  # those that are told have their columns already
        for place, kind in enumerate(events.kinds):
            if sources[place] != "celery":
                continue
            process = processes[place]
            if kind in _TURNS:
                self._turn(process, place, events, told.get(place))
            elif (subject := self._saving.get(process)) is not None:
                if kind in _OF_THE_MESSAGE:
                    events.subjects[place] = subject
                elif job_ids[place] is None:
                    job_ids[place] = subject.job_id
            elif job_ids[place] is None:
                job_ids[place] = self._running.get(process)
        events.fill_subjects(with_jobs=True)

    def _turn(
        self, process: Process, place: int, events: Events, subject: ReplySubject | None
    ) -> None:
        """A process begins or ends something."""
        kind = events.kinds[place]
        saving = self._saving.pop(process, None)
        if kind == "running":
            self._running[process] = events.column("job_id")[place]
        elif kind == "processing":
            if subject is not None:
                self._saving[process] = subject
        elif kind in _ACKED:
            acked = subject or saving
            if acked is not None:
                self._saved[process] = acked
        else:
            self._running.pop(process, None)
            saved = self._saved.pop(process, None) or saving
            if saved is not None and events.column("stage")[place] == RESULT_TASK:
                events.subjects[place] = saved

    def _complete_crash(self, process: Process, place: int, events: Events) -> None:
        """A worker that dies with what it fetched last in its hands does not say of which job."""
        job_ids, count = events.column("job_id"), events.column("delivered")[place]
        if events.kinds[place] == "worker_fetched":
            self._held[process] = (job_ids[place], count)
        elif job_ids[place] is None:
            job_id, held = self._held.get(process, (None, None))
            job_ids[place] = job_id if held == count else None

    def _complete_fetch(self, process: Process, place: int, events: Events) -> None:
        job_ids = events.column("job_id")
        count = events.column("delivered")[place]
        held = self._reserved.setdefault(process, [])
        if events.kinds[place] == "reserved":
            held.append(_Reservation(job_ids[place], count))
            del held[:-_UNCLAIMED]
            return
        fitting = [each for each in held if each.count == count]
        if not fitting:
            return
        jobs = {each.job_id for each in fitting}
        if len(jobs) > 1:  # two jobs at once: which fetch is whose can't be told of any of them
            for each in fitting:
                each.job_id = None
        elif job_ids[place] is None:
            job_ids[place] = fitting[0].job_id
        held.remove(fitting[0])


class _Reservation:
    __slots__ = ("count", "job_id")

    def __init__(self, job_id: int | None, count: int) -> None:
        self.job_id, self.count = job_id, count
