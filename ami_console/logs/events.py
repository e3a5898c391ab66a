"""Messages of log lines → kinds and fields, column by column."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from ami_console.logs import masking
from ami_console.logs.fields import SUBJECT_COLUMNS, Converter
from ami_console.logs.forms import HEAD_SIZE, Form, forms_of
from ami_console.reply_subject import ReplySubject

_LONGEST_HEAD = 4096  # no form of one line is longer, but for one that lists images
_LISTING = "jobs_health_check"
_CACHED = 50_000

_JOB = re.compile(r"\b[Jj]ob[ _#'-]{1,3}([1-9][0-9]{0,17})\b")
_FINISHED_BATCH = re.compile(r"Finished batch [0-9]{1,18}\. Total items: ([0-9]{1,18})\b")

_beginning = itemgetter(slice(HEAD_SIZE))


@dataclass(slots=True, eq=False)
class Events:
    """What messages say; every list has one entry for each message.

    Attributes:
        messages: The messages, masked.
        kinds: Kind of each; ``None``: none that is known.
        columns: Column → values, ``None`` where they are missing; columns with none are left out.
        subjects: Place → the reply subject that the message names.
    """

    messages: list[str]
    kinds: list[str | None]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    subjects: dict[int, ReplySubject] = field(default_factory=dict)

    def column(self, name: str) -> list[Any]:
        """The values of a column, to be filled in."""
        held = self.columns.get(name)
        if held is None:
            held = self.columns[name] = [None] * len(self.messages)
        return held

    def fill_subjects(self, *, with_jobs: bool) -> None:
        """Write the parts of the reply subjects into their columns."""
        if not self.subjects:
            return
        parts = zip(*self.subjects.values(), strict=True)
        for column, values in zip(("job_id", *SUBJECT_COLUMNS), parts, strict=True):
            if with_jobs or column != "job_id":
                _fill(self.column(column), self.subjects, values)


class EventReader:
    """Reads messages; remembers what comes again and again. Not for two threads at once."""

    def __init__(self) -> None:
        self._subjects: dict[str, ReplySubject | None] = {}
        self._clients: dict[tuple[str, str], str] = {}
        self._with_jobs = True

    def read(self, messages: list[str], *, with_jobs: bool = True) -> Events:
        """Kinds and fields of messages.

        Args:
            messages: As they were logged, without the prefix of their line.
            with_jobs: Whether ``job_id`` is wanted.
        """
        events = Events(messages, [None] * len(messages))
        self._with_jobs = with_jobs
        # A line of a strict form needs no masking, but what comes behind its first line does.
        heads, unsafe = _heads(messages)
        for forms, places in _by_forms(heads).items():
            rest = places
            for form in forms:
                rest = self._take(form, rest, heads, events, unsafe)
                if not rest:
                    break
            unsafe += rest
        if not with_jobs:
            events.columns.pop("job_id", None)
        self._mask(events, unsafe)
        events.fill_subjects(with_jobs=with_jobs)
        return events

    def _take(
        self,
        form: Form,
        places: list[int],
        heads: Sequence[str],
        events: Events,
        unsafe: list[int],
    ) -> list[int]:
        """Take in the messages that have this form; the places of the others."""
        groups, misfits = form.matched([heads[place] for place in places])
        rest: list[int] = []
        if misfits:
            rest = [places[number] for number in misfits]
            if len(rest) == len(places):
                return rest
            others = set(misfits)
            places = [place for number, place in enumerate(places) if number not in others]
        if form.kind is not None:
            kinds, kind = events.kinds, form.kind
            for place in places:
                kinds[place] = kind
        at = 0
        while at < len(groups):
            column, convert = form.groups[at]
            if column == "client":
                self._take_clients(places, groups[at], groups[at + 1], events)
                at += 1
            elif column == "subject":
                unsafe += self._take_subjects(places, groups[at], events, convert)
            elif column == "name":
                if convert and not all(map(convert, set(groups[at]))):
                    unsafe += places
            elif column != "job_id" or self._with_jobs:
                _fill_converted(events.column(column), places, groups[at], convert)
            at += 1
        if not form.is_strict:
            unsafe += places
        return rest

    def _take_subjects(
        self,
        places: Sequence[int],
        texts: Sequence[str],
        events: Events,
        convert: Converter | None,
    ) -> list[int]:
        """The places at which there is no reply subject of a job."""
        known = self._subjects
        if len(known) > _CACHED:
            known.clear()
        for text in set(texts).difference(known):
            known[text] = convert(text) if convert else None
        bad: list[int] = []
        for place, text in zip(places, texts, strict=True):
            subject = known[text]
            if subject is None:
                bad.append(place)
            else:
                events.subjects[place] = subject
        return bad

    def _take_clients(
        self, places: Sequence[int], users: Sequence[str], tokens: Sequence[str], events: Events
    ) -> None:
        """Pseudonyms of who asked, in the messages too."""
        known, messages = self._clients, events.messages
        if len(known) > _CACHED:
            known.clear()
        clients = []
        for place, who in zip(places, zip(users, tokens, strict=True), strict=True):
            client = known.get(who)
            if client is None:
                client = known[who] = masking.pseudonym(*who)
            clients.append(client)
            message = messages[place]
            messages[place] = f"{message[: message.index('user=')]}user=client-{client}, token_id=…"
        _fill(events.column("client"), places, clients)

    def _mask(self, events: Events, unsafe: list[int]) -> None:
        """Mask what may need it, and look for what stands anywhere in a line of no known kind."""
        if not unsafe:
            return
        messages, kinds = events.messages, events.kinds
        job_ids = events.column("job_id") if self._with_jobs else []
        masked = masking.masked([messages[place] for place in unsafe])
        for place, message in zip(unsafe, masked, strict=True):
            messages[place] = message
            if kinds[place] is None:
                if "inished batch" in message and (found := _FINISHED_BATCH.search(message)):
                    kinds[place] = "worker_batch"
                    events.column("total")[place] = int(found[1])
                elif message.endswith(", trying again"):
                    kinds[place] = "worker_failed"
            if (
                self._with_jobs
                and job_ids[place] is None
                and ("job" in message or "Job" in message)
                and (found := _JOB.search(message))
            ):
                job_ids[place] = int(found[1])


def _heads(messages: list[str]) -> tuple[list[str], list[int]]:
    """What the forms are compared with: first lines; and the places of messages with more."""
    longer = [place for place, message in enumerate(messages) if "\n" in message]
    is_long = len(max(messages, key=len, default="")) > _LONGEST_HEAD
    if not longer and not is_long:
        return messages, longer
    heads = messages.copy()
    for place in range(len(messages)) if is_long else longer:
        head = messages[place].partition("\n")[0]
        heads[place] = head if head.startswith(_LISTING) else head[:_LONGEST_HEAD]
    return heads, longer


def _by_forms(heads: Sequence[str]) -> dict[tuple[Form, ...], list[int]]:
    """Forms that messages may have → places of those messages."""
    by_beginning: dict[str, list[int]] = {}
    for place, beginning in enumerate(map(_beginning, heads)):
        try:
            by_beginning[beginning].append(place)
        except KeyError:
            by_beginning[beginning] = [place]
    found: dict[tuple[Form, ...], list[int]] = {}
    for beginning, places in by_beginning.items():
        held = found.setdefault(forms_of(beginning), places)
        if held is not places:
            held += places
    return found


def _fill(column: list[Any], places: Iterable[int], values: Sequence[Any]) -> None:
    for place, value in zip(places, values, strict=True):
        column[place] = value


def _fill_converted(
    column: list[Any], places: Sequence[int], texts: Sequence[str], convert: Converter | None
) -> None:
    if convert is None:
        _fill(column, places, texts)
    elif texts.count(texts[0]) == len(texts):  # the job, its total, …
        value = convert(texts[0])
        for place in places:
            column[place] = value
    else:
        _fill(column, places, list(map(convert, texts)))
