"""What we may do against what we need: what is missing, and what it costs; what is too much."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ami_console.doctor.acl import may_run
from ami_console.doctor.subjects import may_all, may_some
from ami_console.sources.rights import (
    AntennaFacts,
    Command,
    MonitorFacts,
    NatsFacts,
    RabbitFacts,
    RedisFacts,
)


@dataclass(frozen=True, slots=True)
class Lack:
    """A right that we need and do not have.

    Attributes:
        right: What it is.
        costs: Which verdicts or numbers can't be told without it.
        advice: What to do.
        is_needed: Whether it is needed as things are; else only as a fallback.
    """

    right: str
    costs: str
    advice: str
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that can't be known, and why."""

    right: str
    why: str


@dataclass(slots=True)
class Rights:
    """What a login may do.

    Attributes:
        have: What we need and have.
        lack: What we need and do not have.
        excess: What we have and do not need.
        cant_tell: What can't be known.
    """

    have: list[str] = field(default_factory=list)
    lack: list[Lack] = field(default_factory=list)
    excess: list[str] = field(default_factory=list)
    cant_tell: list[Unknown] = field(default_factory=list)


_TOTAL = "job:1:pending_images_total"
COUNTER_COMMANDS: Mapping[Command, str] = {
    ("GET", _TOTAL): "total: state_gone and the share that is done by Redis",
    ("SCARD", "job:1:pending_images:process"): "images left and failed: results_backlog, "
    "mostly_failing, lost_at_max_deliver without its second witness",
    ("TTL", _TOTAL): "ttl_s: when the counters of a job go by themselves",
    ("SCAN", "0"): "jobs that only Redis still knows of are not found",
    ("TIME",): "clock offset of Redis",
}
"""What the counters are read with, and what can't be told without it."""

UNNEEDED_COMMANDS: Mapping[Command, str] = {
    ("SET", _TOTAL, "1"): "write keys of jobs (SET)",
    ("DEL", _TOTAL): "delete keys of jobs (DEL)",
    ("SREM", "job:1:pending_images:process", "1"): "take images off the lists (SREM)",
    ("FLUSHALL",): "empty the whole server (FLUSHALL)",
    ("CONFIG", "SET", "maxmemory", "0"): "change its configuration (CONFIG SET)",
    ("SHUTDOWN",): "stop it (SHUTDOWN)",
}
"""What an observer must not be able to do."""

_API_READS: Mapping[str, str] = {
    "$JS.API.STREAM.NAMES": "jobs are not found by the broker: zombie_stream",
    "$JS.API.STREAM.INFO.*": "messages and sequences: duplicate_tasks, state_gone",
    "$JS.API.CONSUMER.INFO.*.*": "backlog, in flight, redelivered: no_worker, not_returning, "
    "redelivering, lost_at_max_deliver, at_capacity",
}
_INBOX = "_INBOX_ami.*.*"
TAP_SUBJECTS: Mapping[str, str] = {
    "$JS.ACK.>": "acknowledgements: throughput and latency by the tap",
    "$JS.EVENT.ADVISORY.CONSUMER.>": "advisories: when images were given up",
    "$JS.EVENT.ADVISORY.STREAM.>": "advisories: when streams were made and deleted",
}
_UNNEEDED_SUBJECTS: Sequence[tuple[str, str, str]] = (
    ("publish", "job.>", "add tasks to jobs"),
    ("publish", "$JS.ACK.>", "acknowledge tasks of others"),
    ("publish", "$JS.API.CONSUMER.MSG.NEXT.>", "take tasks away from workers"),
    ("publish", "$JS.API.STREAM.DELETE.>", "delete streams"),
    ("publish", "$JS.API.STREAM.PURGE.>", "empty streams"),
    ("publish", "$JS.API.STREAM.UPDATE.>", "change streams"),
    ("publish", "$JS.API.CONSUMER.DELETE.>", "delete consumers"),
    ("publish", "$JS.API.CONSUMER.CREATE.>", "make consumers"),
    ("subscribe", "_INBOX.>", "see what is delivered to workers"),
    ("subscribe", "job.>", "see the tasks as they are published"),
)


def antenna_rights(facts: AntennaFacts, *, allow_actions: bool) -> Rights:
    """Rights of the token.

    Args:
        facts: What Antenna told.
        allow_actions: Whether acting on jobs is switched on, and so is needed.
    """
    rights = Rights()
    if facts.error is not None:
        rights.cant_tell.append(Unknown("rights of the token", facts.error))
        return rights
    rights.have.append("read jobs")
    if facts.user_id is not None:
        rights.have.append(f"a login (user {facts.user_id})")
    elif not facts.has_token:
        costs = "who is not logged in may be shown fewer jobs, and no error says so"
        rights.lack.append(Lack("a login", costs, "set AMI_CONSOLE_ANTENNA_TOKEN"))
    else:
        rights.cant_tell.append(Unknown("whose token it is", facts.why_no_user or "not told"))
    jobs = facts.job_permissions
    if jobs is None:
        why = "Antenna tells it of each job, and shows none"
        rights.cant_tell.append(Unknown("run or delete jobs", why))
    elif allow_actions and "run" in jobs:
        rights.have.append("act on jobs (run)")
    elif allow_actions:
        rights.lack.append(
            Lack(
                "act on jobs (run)",
                "actions will be refused",
                "use another token, or set AMI_CONSOLE_ALLOW_ACTIONS to false",
            )
        )
    needed = ("run", "run_single_image") if allow_actions else ()
    held = dict.fromkeys([*(jobs or ()), *(facts.list_permissions or ())])
    rights.excess += [f"{name} (jobs)" for name in held if name not in needed]
    if facts.user_id is not None:
        why = "Antenna does not tell it of a user"
        rights.cant_tell.append(Unknown("whether it is staff or superuser", why))
    return rights


def nats_rights(
    facts: NatsFacts, monitor: MonitorFacts | None, *, way: str | None, proven: bool
) -> Rights:
    """Rights of the NATS login, and of the monitoring port.

    Args:
        facts: What nats-server told.
        monitor: What the monitoring port told; ``None``: the settings have none.
        way: ``monitor`` or ``api``: what the looks were taken by; ``None``: none succeeded.
        proven: Whether looks by the API succeeded, so that what they need is there.
    """
    rights = Rights()
    if monitor is not None and monitor.error is None:
        rights.have.append("the monitoring port (/jsz)")
        if (monitor.accounts or 0) > 1:
            rights.excess.append(f"see the streams of all {monitor.accounts} accounts (/jsz)")
    is_needed = way != "monitor"
    if facts.error is not None and way is None:
        rights.cant_tell.append(Unknown("rights of the login", facts.error))
        return rights
    if facts.error is not None:
        costs = "there is no fallback when the monitoring port fails, and no tap"
        rights.lack.append(Lack("a connection as a client", costs, facts.error))
        return rights
    if not facts.told:
        if proven:
            rights.have.append("ask the JetStream API")
        else:
            rights.cant_tell.append(Unknown("ask the JetStream API", facts.why_not or ""))
        rights.cant_tell.append(Unknown("what it may do beyond", facts.why_not or ""))
        return rights
    needs = [("publish", subject, costs) for subject, costs in _API_READS.items()]
    needs.append(("subscribe", _INBOX, "answers of the JetStream API"))
    rights.lack += _lacks(facts, needs, is_needed=is_needed)
    if not rights.lack:
        rights.have.append("ask the JetStream API")
    if not facts.permissions:
        login = "this login has no limits" if facts.asks_for_login else "NATS asks for no login"
        rights.excess.append(f"everything, for {login}")
    rights.excess += [
        what
        for verb, subject, what in _UNNEEDED_SUBJECTS
        if may_some(facts.permissions, verb, subject)
    ]
    return rights


def tap_rights(facts: NatsFacts, *, heard: bool) -> Rights:
    """Rights that the tap needs.

    Args:
        facts: What nats-server told.
        heard: Whether its subscriptions stood.
    """
    rights = Rights()
    if heard:
        rights.have.append("hear acknowledgements ($JS.ACK.>)")
    if facts.told:
        needs = [("subscribe", subject, costs) for subject, costs in TAP_SUBJECTS.items()]
        rights.lack = _lacks(facts, needs, is_needed=True)
    elif not heard:
        rights.cant_tell.append(
            Unknown("hear acknowledgements", facts.why_not or facts.error or "")
        )
    return rights


def _lacks(
    facts: NatsFacts, needs: Iterable[tuple[str, str, str]], *, is_needed: bool
) -> list[Lack]:
    return [
        Lack(f"{verb} {subject}", costs, f"allow its NATS login to {verb} to that", is_needed)
        for verb, subject, costs in needs
        if not may_all(facts.permissions, verb, subject)
    ]


def redis_rights(
    facts: RedisFacts, needed: Mapping[Command, str], *, proven: Iterable[str] = ()
) -> Rights:
    """Rights of a Redis login.

    Args:
        facts: What Redis told.
        needed: Commands that are needed → what can't be told without each.
        proven: Names of commands that looks ran with success.
    """
    rights, shown = Rights(), set(proven)
    if facts.error is not None:
        rights.cant_tell.append(Unknown("rights of the login", facts.error))
        return rights
    unknown = []
    for command, costs in needed.items():
        name, may = command[0], _may(facts, command)
        if may or name in shown:
            if name not in rights.have:  # LLEN of each of Celery's queues
                rights.have.append(name)
        elif may is None:
            unknown.append(name)
        else:
            advice = f"allow its Redis login +{name.lower()} on these keys"
            rights.lack.append(Lack(name, costs, advice))
    if unknown:
        rights.cant_tell.append(Unknown(", ".join(unknown), facts.why_not or "not told"))
    verdicts = {what: _may(facts, command) for command, what in UNNEEDED_COMMANDS.items()}
    found = [what for what, may in verdicts.items() if may]
    if len(found) == len(verdicts):
        login = "user default has no limits" if facts.is_default else "this login has no limits"
        rights.excess.append(f"everything, for {login}")
    rights.excess += found
    if all(may is None for may in verdicts.values()):
        rights.cant_tell.append(Unknown("write or delete", facts.why_not or "not told"))
    return rights


def _may(facts: RedisFacts, command: Command) -> bool | None:
    if facts.allowed is not None:
        return facts.allowed.get(command)
    if facts.rules is None:
        return None
    return may_run(command, rules=facts.rules, keys=facts.keys, categories=facts.categories)


def rabbit_rights(facts: RabbitFacts) -> Rights:
    """Rights of RabbitMQ's user, as far as its tags tell."""
    rights = Rights()
    if facts.error is not None:
        rights.cant_tell.append(Unknown("rights of the user", facts.error))
        return rights
    rights.have.append("see queues")
    rights.excess += [
        f"tag {tag}: change users, policies or everything"
        for tag in facts.tags or ()
        if tag in ("administrator", "policymaker")
    ]
    rights.cant_tell.append(
        Unknown("publish to or empty queues", "only an administrator is told the permissions")
    )
    return rights
