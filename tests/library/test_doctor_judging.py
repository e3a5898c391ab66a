"""What the doctor makes of what it was told; no server."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from ami_console.demo.servers import READ_ONLY_PERMISSIONS
from ami_console.doctor.acl import may_run
from ami_console.doctor.costs import Cost, cost_of
from ami_console.doctor.examination import Examination, SourceReport, TimeZone
from ami_console.doctor.looks import Looks
from ami_console.doctor.problems import problems_of
from ami_console.doctor.rights import (
    COUNTER_COMMANDS,
    Lack,
    Rights,
    antenna_rights,
    nats_rights,
    rabbit_rights,
    redis_rights,
    tap_rights,
)
from ami_console.doctor.subjects import covers, may_all, may_some, overlaps
from ami_console.metrics.clocks import ZoneOffset
from ami_console.reading import Reading, SourceName
from ami_console.settings import Settings
from ami_console.sources.rights import (
    AntennaFacts,
    MonitorFacts,
    NatsFacts,
    RabbitFacts,
    RedisFacts,
)

NOW = pd.Timestamp("2026-11-23T12:00:00Z")
READ_ONLY: Mapping[str, Any] = {
    verb: {"allow": subjects} for verb, subjects in READ_ONLY_PERMISSIONS.items()
}


@pytest.mark.parametrize(
    ("pattern", "subject", "whole", "part"),
    [
        (">", "job.1.tasks", True, True),
        ("job.>", "job.1.tasks", True, True),
        ("job.>", "job", False, False),
        ("job.*.tasks", "job.>", False, True),
        ("job.7.tasks", "job.>", False, True),
        ("$JS.API.STREAM.INFO.*", "$JS.API.STREAM.INFO.>", False, True),
        ("$JS.API.STREAM.INFO.>", "$JS.API.STREAM.INFO.*", True, True),
        ("$JS.API.STREAM.INFO.>", "$JS.API.STREAM.DELETE.>", False, False),
        ("_INBOX_ami.>", "_INBOX.>", False, False),
        ("a.*", "a.b.c", False, False),
        ("a.b", "a.*", False, True),
    ],
)
def test_subjects_with_wildcards(pattern: str, subject: str, whole: bool, part: bool) -> None:
    """What nats-server lets through, as its documentation has it."""
    assert covers(pattern, subject) == whole
    assert overlaps(pattern, subject) == part
    assert overlaps(subject, pattern) == part


def test_what_is_denied_goes_before_what_is_allowed() -> None:
    """A login may publish anything but tasks; another has no list of what is allowed."""
    limited = {"publish": {"allow": [">"], "deny": ["job.>"]}}
    assert not may_some(limited, "publish", "job.>")
    assert may_some(limited, "publish", "$JS.ACK.>")
    open_but = {"publish": {"deny": ["$JS.API.STREAM.INFO.job_7"]}}
    assert may_some(open_but, "publish", "$JS.API.STREAM.INFO.>")
    assert not may_all(open_but, "publish", "$JS.API.STREAM.INFO.*")
    assert may_all(open_but, "subscribe", "_INBOX_ami.*.*")
    queue_only = {"subscribe": {"allow": ["job.> workers", "x"]}}
    assert not may_some(queue_only, "subscribe", "job.>")


def test_the_read_only_login_has_all_it_needs_and_no_more() -> None:
    """The permissions of the README."""
    facts = NatsFacts(told=True, permissions=READ_ONLY, asks_for_login=True)
    rights = nats_rights(facts, None, way="api", proven=False)
    assert rights == Rights(have=["ask the JetStream API"])
    assert tap_rights(facts, heard=True) == Rights(have=["hear acknowledgements ($JS.ACK.>)"])


@pytest.mark.parametrize(("way", "is_needed"), [("api", True), ("monitor", False)])
def test_a_login_without_consumer_info(way: str, is_needed: bool) -> None:
    """One line was forgotten: by the API that costs most verdicts, by the port only a fallback."""
    publish = [s for s in READ_ONLY_PERMISSIONS["publish"] if "CONSUMER.INFO" not in s]
    facts = NatsFacts(told=True, permissions={**READ_ONLY, "publish": {"allow": publish}})
    rights = nats_rights(facts, MonitorFacts(accounts=3), way=way, proven=False)
    (lack,) = rights.lack
    assert lack.right == "publish $JS.API.CONSUMER.INFO.*.*"
    assert "no_worker" in lack.costs
    assert lack.is_needed == is_needed
    assert rights.have == ["the monitoring port (/jsz)"]
    assert rights.excess == ["see the streams of all 3 accounts (/jsz)"]


def test_a_login_of_nats_that_could_do_harm() -> None:
    """Somebody gave the console the workers' login."""
    wide = {"publish": {"allow": ["job.>", "$JS.API.>"]}, "subscribe": {"allow": ["_INBOX.>"]}}
    rights = nats_rights(NatsFacts(told=True, permissions=wide), None, way="api", proven=False)
    assert "add tasks to jobs" in rights.excess
    assert "delete streams" in rights.excess
    assert "take tasks away from workers" in rights.excess
    assert "acknowledge tasks of others" not in rights.excess
    assert [lack.right for lack in rights.lack] == ["subscribe _INBOX_ami.*.*"]
    nobody = nats_rights(NatsFacts(told=True, asks_for_login=False), None, way="api", proven=True)
    assert nobody.excess[0] == "everything, for NATS asks for no login"
    assert nobody.lack == []


def test_what_looks_proved_is_had_although_nobody_tells() -> None:
    """The read-only login may not ask for its rights, and the looks succeeded or did not."""
    facts = NatsFacts(told=False, why_not="it may not ask")
    proven = nats_rights(facts, None, way="api", proven=True)
    assert proven.have == ["ask the JetStream API"]
    assert [unknown.right for unknown in proven.cant_tell] == ["what it may do beyond"]
    not_proven = nats_rights(facts, None, way=None, proven=False)
    assert [unknown.right for unknown in not_proven.cant_tell] == [
        "ask the JetStream API",
        "what it may do beyond",
    ]


def test_no_connection_beside_a_monitoring_port_that_answers() -> None:
    """The port 4222 is not forwarded, 8222 is."""
    facts = NatsFacts(error="NATS at nats://x: connection refused; check it")
    rights = nats_rights(facts, MonitorFacts(), way="monitor", proven=False)
    assert [lack.right for lack in rights.lack] == ["a connection as a client"]
    assert tap_rights(facts, heard=False).cant_tell[0].why == facts.error


RULES = {
    "readers": ("-@all +@read -keys +time", True, False, False),
    "everything": ("+@all", True, True, True),
    "nearly everything": ("+@all -flushall -@admin", True, True, False),
    "some": ("-@all +get +config|get +scard +ttl +scan +time", True, False, False),
    "nothing": ("", False, False, False),
}


@pytest.mark.parametrize(("rules", "get", "write", "config"), RULES.values(), ids=RULES)
def test_rules_of_redis_count_in_their_order(
    rules: str, get: bool, write: bool, config: bool
) -> None:
    """As ``ACL GETUSER`` gave them."""
    categories = {"read": frozenset({"get", "keys", "scard"}), "admin": frozenset({"config"})}

    def may(*command: str, keys: tuple[str, ...] = ("job:*",)) -> bool:
        return may_run(command, rules=rules, keys=keys, categories=categories)

    assert may("GET", "job:1:pending_images_total") == get
    assert may("SET", "job:1:pending_images_total", "1") == write
    assert may("CONFIG", "SET", "maxmemory", "0") == config
    assert not may("GET", "job:1:pending_images_total", keys=("celery*",))


def test_redis_without_a_command_says_what_it_costs() -> None:
    """TIME and SCAN were forgotten in the list of commands."""
    facts = RedisFacts(rules="-@all +get +scard +ttl", keys=("job:*",))
    rights = redis_rights(facts, COUNTER_COMMANDS)
    assert rights.have == ["GET", "SCARD", "TTL"]
    assert [lack.right for lack in rights.lack] == ["SCAN", "TIME"]
    assert "only Redis still knows" in rights.lack[0].costs
    assert (rights.excess, rights.cant_tell) == ([], [])


def test_redis_that_tells_nothing_leaves_only_what_was_proven() -> None:
    """The login of the README may not ask for its rights."""
    rights = redis_rights(RedisFacts(why_not="may not ask"), COUNTER_COMMANDS, proven=["SCAN"])
    assert rights.have == ["SCAN"]
    assert [unknown.right for unknown in rights.cant_tell] == [
        "GET, SCARD, TTL, TIME",
        "write or delete",
    ]
    assert (rights.lack, rights.excess) == ([], [])


def test_a_token_that_may_act_is_too_much_unless_actions_are_on() -> None:
    """The same token with actions off and on; and a viewer's with actions on."""
    facts = AntennaFacts(
        user_id=4, has_token=True, list_permissions=("create",), job_permissions=("delete", "run")
    )
    off = antenna_rights(facts, allow_actions=False)
    assert off.excess == ["delete (jobs)", "run (jobs)", "create (jobs)"]
    assert off.have == ["read jobs", "a login (user 4)"]
    on = antenna_rights(facts, allow_actions=True)
    assert on.excess == ["delete (jobs)", "create (jobs)"]
    assert "act on jobs (run)" in on.have
    viewer = AntennaFacts(user_id=5, has_token=True, list_permissions=(), job_permissions=())
    assert antenna_rights(viewer, allow_actions=False).excess == []
    assert [lack.right for lack in antenna_rights(viewer, allow_actions=True).lack] == [
        "act on jobs (run)"
    ]


def test_an_antenna_without_jobs_or_without_a_token() -> None:
    """What depends on a job can't be told without one; without a token jobs may be hidden."""
    rights = antenna_rights(AntennaFacts(list_permissions=()), allow_actions=False)
    assert [lack.right for lack in rights.lack] == ["a login"]
    assert [unknown.right for unknown in rights.cant_tell] == ["run or delete jobs"]
    odd = AntennaFacts(has_token=True, why_no_user="GET users/me/ answered 404")
    whose = antenna_rights(odd, allow_actions=False).cant_tell[0]
    assert whose.why == "GET users/me/ answered 404"


def test_an_administrator_of_rabbitmq() -> None:
    """The tag ``management`` is enough."""
    assert rabbit_rights(RabbitFacts(tags=("administrator",))).excess
    assert rabbit_rights(RabbitFacts(tags=("management",))).excess == []
    assert rabbit_rights(RabbitFacts(error="no")).cant_tell[0].why == "no"


def looks_of(*readings: Reading, found: Reading | None = None, jobs: int = 0) -> Looks:
    looks = Looks(job_ids=frozenset(range(1, jobs + 1)), logs_of=min(jobs, 5))
    for reading in readings:
        looks.add(reading)
    if found is not None:
        looks.found[found.source] = found
    return looks


def read(source: SourceName, second: int, **more: Any) -> Reading:
    return Reading(source=source, observed_at=second * 10**9, **more)


def settings(**more: str) -> Settings:
    variables = {f"AMI_CONSOLE_{name}": value for name, value in more.items()}
    return Settings.from_environment(variables, dotenv=None)


def test_a_day_of_looks_at_the_beat_of_the_settings() -> None:
    """Ten jobs, each asked for every 2 s, and lists every 30 s."""
    each = [read("antenna", s, requests=10, bytes=20_000, elapsed_s=0.1) for s in (1, 3, 5)]
    search = read("antenna", 0, requests=8, bytes=90_000, elapsed_s=0.5)
    cost = cost_of("antenna", looks_of(*each, found=search, jobs=10), settings(), way=None)
    assert (cost.looks, cost.every_s, cost.requests, cost.bytes) == (3, 2.0, 10, 20_000)
    assert cost.requests_per_hour == 10 * 1800 + 8 * 120
    assert cost.bytes_per_hour == 20_000 * 1800 + 90_000 * 120
    assert cost.bytes_per_day == 24 * cost.bytes_per_hour
    slow = [read("antenna", s, requests=10, bytes=20_000, elapsed_s=8.0) for s in (1, 9)]
    assert cost_of("antenna", looks_of(*slow), settings(), way=None).requests_per_hour == 4500


@pytest.mark.parametrize(("way", "stored"), [("api", 504_000_000 + 276_000), ("monitor", 0.0)])
def test_what_the_api_makes_nats_store(way: str, stored: float) -> None:
    """100 jobs every 2 s: half a gigabyte of advisories an hour, or nothing by the port."""
    looks = looks_of(read("nats", 1, requests=200, bytes=1, elapsed_s=0.0), jobs=100)
    cost = cost_of("nats", looks, settings(), way=way)
    assert cost.stored_bytes_per_hour == stored
    assert cost.stored_by_api_bytes_per_hour == 504_000_000 + 276_000
    unknown = cost_of("nats", looks, settings(), way=None)
    assert unknown.stored_bytes_per_hour is None


def test_what_is_not_known_costs_nothing_known() -> None:
    """Redis does not tell bytes, and a source that failed tells nothing."""
    cost = cost_of("redis", looks_of(read("redis", 1, requests=1)), settings(), way=None)
    assert (cost.bytes, cost.bytes_per_hour, cost.bytes_per_day) == (None, None, None)
    failed = cost_of("redis", looks_of(read("redis", 1, ok=False)), settings(), way=None)
    assert (failed.looks, failed.requests, failed.requests_per_hour) == (0, None, None)


def test_logs_are_measured_after_the_first_look_and_on_some_jobs() -> None:
    """The first look takes 5,000 lines of each of five jobs; there are ten."""
    readings = [read("job_logs", 1, requests=5, bytes=900_000), read("job_logs", 3, requests=5,
                bytes=10_000)]  # fmt: skip
    cost = cost_of("job_logs", looks_of(*readings, jobs=10), settings(), way=None)
    assert (cost.requests, cost.bytes, cost.every_s) == (10, 20_000, 15.0)


def test_the_tap_costs_what_comes() -> None:
    """Two readings tell of three seconds."""
    heard = [read("tap", s, elapsed_s=1.5, bytes=300, requests=0) for s in (1, 2)]
    cost = cost_of("tap", looks_of(*heard), settings(), way=None)
    assert (cost.every_s, cost.requests, cost.bytes_per_hour) == (None, None, 720_000)


def report(source: SourceName, **more: Any) -> SourceReport:
    cost = Cost(looks=3, every_s=2.0, elapsed_s=0.1, requests=1, bytes=None,
                requests_per_hour=None, bytes_per_hour=None, bytes_per_day=None)  # fmt: skip
    given = {"ok": True, "rights": Rights(), "cost": cost, "address": "x", **more}
    return SourceReport(source=source, **given)


RIGHT = ZoneOffset(offset_s=0.1, error_s=1.0, n=3, verdict="agrees")


def zone(found: ZoneOffset = RIGHT, utc_offset_s: float | None = -18_000.0) -> TimeZone:
    return TimeZone(
        setting=ZoneInfo("America/New_York"), found=found, kinds={}, utc_offset_s=utc_offset_s
    )


def examined(*reports: SourceReport, at: TimeZone | None = None, **searches: Any) -> Examination:
    problems = problems_of(reports, at or zone(), searches=searches)
    return Examination(
        as_of=NOW, jobs=2, sources=reports, time_zone=at or zone(), problems=problems
    )


def test_all_is_well() -> None:
    """Three sources, the clocks within what an HTTP ``Date`` tells."""
    found = examined(
        report("antenna", clock_offset_s=0.9, clock_error_s=0.5),
        report("nats", clock_offset_s=0.0, clock_error_s=0.0, way="monitor"),
        report("redis"),
    )
    assert (found.problems, found.needs_a_human, found.saw_nothing) == ([], False, False)


def test_too_much_right_is_a_remark() -> None:
    """Antenna's own set-up has no users: that is worth knowing, and nobody is called for it."""
    rights = Rights(excess=["a", "b", "c", "d", "e"])
    found = examined(report("nats", rights=rights))
    assert not found.needs_a_human
    (problem,) = found.problems
    assert problem.severity == "info"
    assert problem.title.endswith("a; b; c; and 2 more")


def test_the_worst_comes_first() -> None:
    """A source is down, a right is missing, another is too much."""
    found = examined(
        report("antenna", rights=Rights(excess=["run (jobs)"])),
        report("redis", rights=Rights(lack=[Lack("SCAN", "jobs are not found", "allow it +scan")])),
        report("nats", ok=False, error="NATS at x: connection refused"),
    )
    assert [(p.severity, p.source) for p in found.problems] == [
        ("critical", "nats"),
        ("warning", "redis"),
        ("info", "antenna"),
    ]
    assert "no_worker" in found.problems[0].next_step
    assert found.needs_a_human
    assert not found.saw_nothing


def test_nothing_could_be_read() -> None:
    """The wrong machine."""
    found = examined(*(report(s, ok=False, error="no") for s in ("antenna", "nats", "redis")))
    assert found.saw_nothing


def test_a_clock_that_is_off_and_one_that_is_ours() -> None:
    """Antenna's host has no NTP; then it is this laptop that has none."""
    one = examined(
        report("antenna", clock_offset_s=90.0, clock_error_s=0.5),
        report("redis", clock_offset_s=0.0, clock_error_s=0.0),
    )
    assert [(p.severity, p.source, p.title) for p in one.problems] == [
        ("warning", "antenna", "its clock is 90.0 s ahead of that of this machine")
    ]
    ours = examined(
        report("antenna", clock_offset_s=-90.0, clock_error_s=0.5),
        report("redis", clock_offset_s=-90.2, clock_error_s=0.0),
    )
    (problem,) = ours.problems
    assert problem.source is None
    assert problem.title == "the clock of this machine is 90.1 s ahead of that of all sources"


@pytest.mark.parametrize(
    ("found", "severity", "says"),
    [
        (ZoneOffset(offset_s=-3600.0, error_s=1.0, n=4, verdict="disagrees", looks_like="zone"),
         "critical", "read as America/New_York, its times are 1 h behind the truth"),
        (ZoneOffset(offset_s=3591.0, error_s=None, n=1, verdict="disagrees", looks_like="zone"),
         "critical", "its times are at least 60 min ahead of the truth"),
        (ZoneOffset(offset_s=40.0, error_s=1.0, n=1, verdict="disagrees", looks_like="clock"),
         "warning", "40.0 s ahead of the instants"),
    ],
)  # fmt: skip
def test_a_wrong_zone_and_a_late_clock(found: ZoneOffset, severity: str, says: str) -> None:
    """Every age on every page would be wrong by an hour; or by seconds."""
    examination = examined(report("antenna"), at=zone(found))
    (problem,) = examination.problems
    assert problem.severity == severity
    assert says in problem.title


def test_a_search_that_was_refused_and_a_remark_of_one() -> None:
    """Looks at Redis succeed, SCAN is refused; and the project in the settings has no jobs."""
    found = examined(
        report("redis"),
        report("antenna"),
        report("nats", error="by the API", way="api"),
        redis=read("redis", 1, ok=False, error="this login may not read (scan)"),
        antenna=read("antenna", 1, error="no job of project 9"),
        nats=read("nats", 1, error="by the API"),
    )
    assert sorted(problem.title for problem in found.problems) == [
        "by the API",
        "can't be searched for active jobs: this login may not read (scan)",
        "no job of project 9",
    ]


@pytest.mark.parametrize(
    ("utc_offset_s", "shown"),
    [(-18_000.0, "UTC-05:00"), (20_700.0, "UTC+05:45"), (-12_600.0, "UTC-03:30"), (None, None)],
)
def test_zones_as_people_write_them(utc_offset_s: float | None, shown: str | None) -> None:
    """New York, Kathmandu, St. John's."""
    assert zone(utc_offset_s=utc_offset_s).zone == shown
