"""What sources tell of themselves and of our login."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LIMIT_S = 10.0
"""The longest that one source may be asked, seconds."""

Command = tuple[str, ...]
"""A Redis command and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AntennaFacts:
    """What Antenna tells of itself and of our login.

    Attributes:
        error: Why nothing could be asked.
        server: Its ``Server`` header; Antenna has no version of its own that it tells.
        user_id: Number of the user that the token belongs to.
        has_token: Whether the settings have one.
        why_no_user: What the question for the user came to, where there is none.
        list_permissions: What the login may do with the list of jobs; ``None``: not told.
        job_permissions: What it may do with the newest job; ``None``: there is none, or not told.
    """

    error: str | None = None
    server: str | None = None
    user_id: int | None = None
    has_token: bool = False
    why_no_user: str | None = None
    list_permissions: tuple[str, ...] | None = None
    job_permissions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsFacts:
    """What nats-server tells of itself and of our login.

    Attributes:
        error: Why there is no connection.
        version: Of the server.
        asks_for_login: Whether it does.
        account: The account of our login.
        told: Whether ``permissions`` is known.
        permissions: ``publish`` and ``subscribe``, each with ``allow`` and ``deny``; empty: no
            limits.
        why_not: Why ``permissions`` is not known.
    """

    error: str | None = None
    version: str | None = None
    asks_for_login: bool | None = None
    account: str | None = None
    told: bool = False
    permissions: Mapping[str, Any] = field(default_factory=dict)
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorFacts:
    """What the monitoring port tells.

    Attributes:
        error: Why it could not be read.
        version: Of the server.
        accounts: How many accounts with JetStream it shows.
    """

    error: str | None = None
    version: str | None = None
    accounts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """What Redis tells of itself and of our login.

    Attributes:
        error: Why it could not be asked.
        version: Of the server, with the name of one that is not Redis.
        is_default: Whether we are the user ``default``; ``None``: not told.
        allowed: Command → whether the server says that we may; ``None``: it can't be asked that.
        rules: Else the user's command rules, in order.
        keys: And its key patterns.
        categories: Category in ``rules`` → its commands.
        why_not: Why neither is known.
    """

    error: str | None = None
    version: str | None = None
    is_default: bool | None = None
    allowed: Mapping[Command, bool] | None = None
    rules: str | None = None
    keys: tuple[str, ...] = ()
    categories: Mapping[str, frozenset[str]] = field(default_factory=dict)
    why_not: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitFacts:
    """What RabbitMQ's management API tells.

    Attributes:
        error: Why it could not be asked.
        version: Of the server.
        tags: Of our user.
    """

    error: str | None = None
    version: str | None = None
    tags: tuple[str, ...] | None = None
