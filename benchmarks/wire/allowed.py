"""Every request that may leave the process, as data: what, when, how often, at what cost.

``docs/harmless.md`` shows this list, and tests hold both the page and the programs against it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.wire.overheard import Request

HOUR_S = 3600.0

LOOK_S = 2.0
SEARCH_S = 30.0
LOGS_S = 15.0
QUEUES_S = 5.0
MINUTE_S = 60.0
"""Pauses as they are without any settings, seconds."""

WATCHING = frozenset({"record", "serve", "diagnose"})
DOCTOR = frozenset({"doctor"})
ALL = WATCHING | DOCTOR

LEEWAY = 4
"""So many more than the pauses give are let pass: the first ones, and of a job that is new."""

_JOB = r"[1-9]\d*"
_INBOX = r"_INBOX_ami\.\w+\.\w+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A request that may be sent.

    Attributes:
        server: To whom.
        shown: What it looks like; ``N`` is a job.
        pattern: What matches all of it. The group ``any`` is what is new each time.
        when: What it is sent for.
        costs: What it costs who answers.
        every_s: Pauses at which it is sent in the same words, seconds; several add up. None: once
            a connection.
        times: How often each time.
        each: How many there are each time, in words, where it is not one.
        many: The same as a number, where it does not depend on jobs or keys.
        needs: Settings without which it is never sent: ``api`` (no monitoring port), ``monitor``,
            ``tap``, ``rabbitmq``, ``celery_redis``; ``idle``: there is no active job; ``login``.
        commands: Which commands send it.
    """

    server: str
    shown: str
    pattern: str
    when: str
    costs: str
    every_s: tuple[float, ...] = ()
    times: int = 1
    each: str = ""
    many: int = 1
    needs: frozenset[str] = frozenset()
    commands: frozenset[str] = WATCHING

    @property
    def per_hour(self) -> str:
        """How often in an hour, in words."""
        if not self.every_s:
            return "once a connection" if self.commands != DOCTOR else "once a `doctor`"
        often = sum(HOUR_S / every_s for every_s in self.every_s) * self.many
        return f"{often:,.0f}{' ' + self.each if self.each else ''}"

    def most(self, span_s: float) -> float:
        """How often it may be sent in the same words within so many seconds."""
        often = sum(span_s / every_s for every_s in self.every_s)
        return self.times * (often + LEEWAY)


def _of(*names: str) -> frozenset[str]:
    return frozenset(names)


A_JOB = "for each active job"

ALLOWED: Sequence[Allowed] = (
    Allowed(
        server="Antenna",
        shown="GET /api/v2/jobs/N/?logs_limit=1",
        pattern=rf"GET /api/v2/jobs/{_JOB}/\?logs_limit=1",
        when="each look",
        costs="one job from the database, and one line of its log",
        every_s=(LOOK_S,),
        each=A_JOB,
        commands=ALL,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/jobs/N/?logs_limit=L",
        pattern=rf"GET /api/v2/jobs/{_JOB}/\?logs_limit=(?P<any>[2-9]|[1-9]\d{{1,3}})",
        when="the job's log; L is 5000 at first, then as many lines as overlap with the last look",
        costs="one job, its newest log lines",
        every_s=(LOGS_S,),
        times=2,
        each=A_JOB,
        commands=ALL,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/jobs/?dispatch_mode=async_api&status=S&limit=100&offset=K",
        pattern=r"GET /api/v2/jobs/\?dispatch_mode=async_api"
        r"&status=(PENDING|STARTED|RETRY|RECEIVED|UNKNOWN|CANCELING)"
        r"(&project_id=\d+)?&limit=100&offset=\d+",
        when="search: one list for each of six active statuses, one after another",
        costs="a page of up to 100 jobs, the dearest request: a web worker is busy with it",
        every_s=(SEARCH_S,),
        many=6,
        commands=ALL,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/jobs/?dispatch_mode=async_api&status=CREATED&ordering=-created_at"
        "&limit=100&offset=0",
        pattern=r"GET /api/v2/jobs/\?dispatch_mode=async_api&status=CREATED&ordering=-created_at"
        r"(&project_id=\d+)?&limit=100&offset=0",
        when="search: the newest that are not started",
        costs="one page of jobs",
        every_s=(SEARCH_S,),
        commands=ALL,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/jobs/?dispatch_mode=async_api&ordering=-updated_at&limit=50&offset=0",
        pattern=r"GET /api/v2/jobs/\?dispatch_mode=async_api&ordering=-updated_at"
        r"(&project_id=\d+)?&limit=50&offset=0",
        when="search: those that changed last, for the ones that ended",
        costs="one page of jobs",
        every_s=(SEARCH_S,),
        commands=ALL,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/",
        pattern=r"GET /api/v2/",
        when="instead of jobs and logs, while there is no active job: does it answer",
        costs="a list of addresses; no database",
        every_s=(LOOK_S,),
        times=2,
        many=2,
        needs=_of("idle"),
        commands=ALL,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/users/me/",
        pattern=r"GET /api/v2/users/me/",
        when="whose token is it",
        costs="one user",
        commands=DOCTOR,
    ),
    Allowed(
        server="Antenna",
        shown="GET /api/v2/jobs/?dispatch_mode=async_api&limit=1",
        pattern=r"GET /api/v2/jobs/\?dispatch_mode=async_api&limit=1",
        when="what may it do",
        costs="one job",
        commands=DOCTOR,
    ),
    Allowed(
        server="NATS monitoring",
        shown="GET /jsz?consumers=true",
        pattern=r"GET /jsz\?consumers=true",
        when="each look, each search: all jobs at once",
        costs="nothing is stored; one answer for all jobs, however many",
        every_s=(LOOK_S, SEARCH_S),
        needs=_of("monitor"),
        commands=ALL,
    ),
    Allowed(
        server="NATS monitoring",
        shown="GET /jsz?consumers=true&config=true",
        pattern=r"GET /jsz\?consumers=true&config=true",
        when="in place of it once a minute, by a search at that moment too, and when a consumer is "
        "new: ack wait, max deliver",
        costs="the same with twice the body",
        every_s=(MINUTE_S,),
        times=2,
        needs=_of("monitor"),
        commands=ALL,
    ),
    Allowed(
        server="NATS monitoring",
        shown="GET /varz",
        pattern=r"GET /varz",
        when="which version is it",
        costs="nothing is stored",
        needs=_of("monitor"),
        commands=DOCTOR,
    ),
    Allowed(
        server="NATS monitoring",
        shown="GET /jsz",
        pattern=r"GET /jsz",
        when="how many accounts does it show",
        costs="nothing is stored",
        needs=_of("monitor"),
        commands=DOCTOR,
    ),
    Allowed(
        server="NATS",
        shown="CONNECT",
        pattern=r"CONNECT as ami-console",
        when="the API's connection, and the tap's",
        costs="one connection",
        needs=_of("api|tap"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="PING, PONG",
        pattern=r"PING|PONG",
        when="at the start; the tap asks each look whether all has come; the server asks too",
        costs="an echo",
        every_s=(LOOK_S,),
        times=3,
        needs=_of("api|tap"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="SUB _INBOX_ami.…",
        pattern=r"SUB (?P<any>_INBOX_ami\.\w+\.\*) ?",
        when="answers to our own questions",
        costs="one subscription",
        needs=_of("api"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="PUB $JS.API.STREAM.NAMES",
        pattern=rf"PUB \$JS\.API\.STREAM\.NAMES (?P<any>{_INBOX}) "
        r'{"offset":\d+,"subject":"job\.>"}',
        when="search: names of all job streams",
        costs="an advisory of 0.7 kB and 16 bytes for each name",
        every_s=(SEARCH_S,),
        needs=_of("api"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="PUB $JS.API.STREAM.INFO.job_N",
        pattern=rf"PUB \$JS\.API\.STREAM\.INFO\.job_{_JOB} (?P<any>{_INBOX})",
        when="each look",
        costs="an advisory of 1.4 kB, which Antenna's `advisories` stream keeps for an hour",
        every_s=(LOOK_S,),
        each=A_JOB,
        needs=_of("api"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="PUB $JS.API.CONSUMER.INFO.job_N.job-N-consumer",
        pattern=rf"PUB \$JS\.API\.CONSUMER\.INFO\.job_(?P<job>{_JOB})\.job-(?P=job)-consumer "
        rf"(?P<any>{_INBOX})",
        when="each look",
        costs="another advisory of 1.4 kB",
        every_s=(LOOK_S,),
        each=A_JOB,
        needs=_of("api"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="SUB $JS.ACK.>",
        pattern=r"SUB \$JS\.ACK\.> ?",
        when="the tap",
        costs="a copy of each acknowledgement",
        needs=_of("tap"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="SUB $JS.EVENT.ADVISORY.CONSUMER.>, SUB $JS.EVENT.ADVISORY.STREAM.>",
        pattern=r"SUB \$JS\.EVENT\.ADVISORY\.(CONSUMER|STREAM)\.> ?",
        when="the tap",
        costs="a copy of each advisory",
        needs=_of("tap"),
        commands=ALL,
    ),
    Allowed(
        server="NATS",
        shown="PUB $SYS.REQ.USER.INFO",
        pattern=rf"PUB \$SYS\.REQ\.USER\.INFO (?P<any>{_INBOX})",
        when="what may this login do",
        costs="nothing is stored",
        commands=DOCTOR,
    ),
    Allowed(
        server="Redis and Celery's Redis",
        shown="AUTH, SELECT D",
        pattern=r"AUTH|SELECT \d+",
        when="where the address has a login, or a database other than 0",
        costs="nothing",
        needs=_of("login"),
        commands=ALL,
    ),
    Allowed(
        server="Redis",
        shown="TIME",
        pattern=r"TIME",
        when="each look, each search, in one pipeline with those below",
        costs="nothing",
        every_s=(LOOK_S, SEARCH_S),
        commands=ALL,
    ),
    Allowed(
        server="Redis",
        shown="GET job:N:pending_images_total",
        pattern=rf"GET job:{_JOB}:pending_images_total",
        when="each look, each search",
        costs="O(1)",
        every_s=(LOOK_S, SEARCH_S),
        each=A_JOB,
        commands=ALL,
    ),
    Allowed(
        server="Redis",
        shown="SCARD job:N:pending_images:process, :results, SCARD job:N:failed_images",
        pattern=rf"SCARD job:{_JOB}:(pending_images:(process|results)|failed_images)",
        when="each look, each search: how many, whatever their number",
        costs="O(1)",
        every_s=(LOOK_S, SEARCH_S),
        each=A_JOB,
        many=3,
        commands=ALL,
    ),
    Allowed(
        server="Redis",
        shown="TTL job:N:pending_images_total",
        pattern=rf"TTL job:{_JOB}:pending_images_total",
        when="each look, each search",
        costs="O(1)",
        every_s=(LOOK_S, SEARCH_S),
        each=A_JOB,
        commands=ALL,
    ),
    Allowed(
        server="Redis",
        shown="SCAN C MATCH job:*:pending_images_total COUNT 1000",
        pattern=r"SCAN \d+ MATCH job:\*:pending_images_total COUNT 1000",
        when="search",
        costs="a walk over all keys, a thousand at a time, others are served in between",
        every_s=(SEARCH_S,),
        each="for each 1,000 keys",
        commands=ALL,
    ),
    Allowed(
        server="Redis and Celery's Redis",
        shown="INFO server, ACL WHOAMI",
        pattern=r"INFO server|ACL WHOAMI",
        when="which version, who are we",
        costs="a login without the right leaves a line in ACL LOG",
        commands=DOCTOR,
    ),
    Allowed(
        server="Redis and Celery's Redis",
        shown="ACL DRYRUN U …, ACL GETUSER U, ACL CAT C",
        pattern=r"ACL (DRYRUN|GETUSER) \S+.*|ACL CAT \w+",
        when="may this login do what it should not: DRYRUN tells and does not do it; before "
        "Redis 7 the user's rules",
        costs="nothing",
        needs=_of("acl"),
        commands=DOCTOR,
    ),
    Allowed(
        server="RabbitMQ",
        shown="GET /api/queues/VHOST?page=1&page_size=500&name=…&use_regex=true&columns=…",
        pattern=r"GET /api/queues/[^/?]+\?page=1&page_size=500&name=[^&]+&use_regex=true"
        r"&columns=name%2Cmessages_ready%2Cmessages_unacknowledged%2Cconsumers",
        when="Celery's queues, where `RABBITMQ_URL` is set",
        costs="numbers that RabbitMQ has at hand: it renews them every 5 s by itself",
        every_s=(QUEUES_S,),
        needs=_of("rabbitmq"),
        commands=ALL,
    ),
    Allowed(
        server="RabbitMQ",
        shown="GET /api/whoami, GET /api/overview",
        pattern=r"GET /api/(whoami|overview)",
        when="tags of our user, version",
        costs="nothing",
        needs=_of("rabbitmq"),
        commands=DOCTOR,
    ),
    Allowed(
        server="Celery's Redis",
        shown="LLEN Q",
        pattern=r"LLEN (antenna|jobs|ml_results)(\\x06\\x16[369])?",
        when="Celery's queues, where `CELERY_REDIS_URL` is set; four lists each",
        costs="O(1)",
        every_s=(QUEUES_S,),
        each="for each queue",
        many=4,
        needs=_of("celery_redis"),
        commands=ALL,
    ),
)
"""What ``record``, ``serve``, ``diagnose`` and ``doctor`` send. Nothing else, to nobody else."""

ON_REQUEST: Sequence[tuple[str, str, str]] = (
    ("`ALERT_WEBHOOK`", "POST to that address", "when a critical finding begins, and when it ends"),
    (
        "`ALLOW_ACTIONS`",
        "POST /api/v2/jobs/N/run/, …/retry/, …/cancel/",
        "when somebody asks for it and confirms; never by itself",
    ),
)
"""What leaves the process only where somebody switched it on: setting, request, when."""


def rule(request: Request, command: str) -> Allowed | None:
    """What allows a request to a command; ``None``: nothing does."""
    for each in ALLOWED:
        is_meant = request.server in each.server.split(" and ") and command in each.commands
        if is_meant and re.fullmatch(each.pattern, request.said, re.DOTALL):
            return each
    return None


def words(request: Request, allowed: Allowed) -> str:
    """The request without what is new each time."""
    match = re.fullmatch(allowed.pattern, request.said, re.DOTALL)
    if match is None or "any" not in match.groupdict():
        return request.said
    first, last = match.span("any")
    return request.said[:first] + "…" + request.said[last:]


def forbidden(requests: Iterable[Request], command: str) -> list[str]:
    """What was sent and is not on the list."""
    return [f"{each.server}: {each.said}" for each in requests if rule(each, command) is None]


def too_often(requests: Sequence[Request], command: str, *, factor: float) -> list[str]:
    """What was sent more often than its pauses allow.

    Args:
        requests: All of one run.
        command: Which was run.
        factor: By how much time was compressed.
    """
    if not requests:
        return []
    at_s = [each.at_s for each in requests]
    span_s = (max(at_s) - min(at_s)) * factor
    said = Counter(
        (allowed.server, words(each, allowed), allowed)
        for each in requests
        if (allowed := rule(each, command)) is not None and allowed.every_s
    )
    return [
        f"{server}: {text}: {count} times in {span_s:.0f} s, and not {allowed.most(span_s):.0f}"
        for (server, text, allowed), count in said.items()
        if count > allowed.most(span_s)
    ]


def page_table() -> list[str]:
    """The list as rows of Markdown."""
    rows = ["| to | request | an hour | for | what it costs |", "|---|---|---|---|---|"]
    for each in ALLOWED:
        by = " (`doctor` only)" if each.commands == DOCTOR else ""
        asked = ", ".join(f"`{part}`" for part in each.shown.split(", "))
        cells = (each.server, asked, each.per_hour, f"{each.when}{by}", each.costs)
        rows.append(f"| {' | '.join(cells)} |")
    return rows
