"""Where Antenna, NATS and Redis are, read from the environment and ``.env``; secrets masked."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values

from ami_console.errors import SettingsError

PREFIX = "AMI_CONSOLE_"

TOLD_TO_COMMANDS = frozenset(PREFIX + name for name in ("EVENT", "CODE", "SEVERITY", "JOB_ID"))
"""What an alert's command finds in its environment: it may well call us, and these are no
settings."""


class Secret:
    """Text that shows itself only to who asks with :meth:`reveal`; ``repr`` and ``str`` hide it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself; hand it to a client library and to nobody else."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(set)" if self._text else "Secret(not set)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not written to disk or sent elsewhere")


class Address:
    """A URL that may hold a user and password; shown without them and without its query."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """The whole URL, password included; for client libraries only."""
        return self._url

    @property
    def shown(self) -> str:
        """The URL without user, password and query: what logs, pages and errors may carry."""
        parts = urlsplit(self._url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def __bool__(self) -> bool:
        return bool(self._url)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    def __str__(self) -> str:
        return self.shown


class Hook(Address):
    """The URL of a webhook: chat tools put the token into its path, so only the host is shown."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        """Scheme and host."""
        parts = urlsplit(self.reveal())
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))


def _hook(text: str) -> Address:
    """a URL that begins with http:// or https://, or nothing"""
    parsed = _address("http", "https", optional=True, is_hook=True)(text)
    return Hook(parsed.reveal())


def _address(
    *schemes: str, optional: bool = False, is_hook: bool = False
) -> Callable[[str], Address]:
    allowed = f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not is_hook:
        allowed += " (in a password / ? # @ are written as %2F %3F %23 %40)"
    if optional:
        allowed += ", or nothing"

    def parse(text: str) -> Address:
        if optional and not text:
            return Address("")
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for a port that is no number
        if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "unix"):
            raise ValueError
        # What stands before it is a login of which a part would be shown as the path.
        if not is_hook and "@" in parts.path + parts.query + parts.fragment:
            raise ValueError
        return Address(text)

    parse.__doc__ = allowed
    return parse


def _zone(text: str) -> ZoneInfo:
    """an IANA time zone such as America/New_York or UTC"""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError from error


def _seconds(text: str) -> float:
    """a number of seconds from 0.2 to 3600"""
    value = float(text)
    if not 0.2 <= value <= 3600:
        raise ValueError
    return value


def _pause(text: str) -> float:
    """0 for never, or a number of seconds from 2 to 3600"""
    value = float(text)
    if value != 0 and not 2 <= value <= 3600:
        raise ValueError
    return value


def _span(text: str) -> float:
    """a number of seconds from 30 to 86400"""
    value = float(text)
    if not 30 <= value <= 86_400:
        raise ValueError
    return value


def _paths(text: str) -> tuple[Path, ...]:
    """paths, separated by commas"""
    return tuple(Path(part.strip()) for part in text.split(",") if part.strip())


def _names(text: str) -> tuple[str, ...]:
    """names, separated by commas"""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _flag(text: str) -> bool:
    """true or false"""
    try:
        return {
            "true": True,
            "1": True,
            "yes": True,
            "false": False,
            "0": False,
            "no": False,
            "": False,
        }[text.lower()]
    except KeyError:
        raise ValueError from None


def _secret_of(least: int) -> Callable[[str], Secret]:
    def parse(text: str) -> Secret:
        if text and len(text) < least:
            raise ValueError
        return Secret(text)

    parse.__doc__ = f"at least {least} characters, or nothing"
    return parse


COLOURS = {
    "red": "#b3161d",
    "orange": "#a3470a",
    "green": "#0b6b4b",
    "blue": "#1b5e92",
    "purple": "#73418f",
    "grey": "#4d5a66",
}
"""Of environments; white text can be read on all of them."""


def _colour(text: str) -> str:
    """red, orange, green, blue, purple or grey"""
    if text not in COLOURS:
        raise ValueError
    return text


def _project(text: str) -> int | None:
    """the number of a project, or nothing"""
    if not text:
        return None
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _setting(parse: Callable[[str], Any], default: str) -> Any:
    return field(default_factory=lambda: parse(default), metadata={"parse": parse})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings. Each field is the environment variable ``AMI_CONSOLE_<NAME IN CAPITALS>``.

    TLS: ``https://``, ``tls://`` and ``rediss://`` addresses; a private certificate authority is
    given to all three at once with the usual ``SSL_CERT_FILE``.
    """

    antenna_url: Address = _setting(_address("http", "https"), "http://localhost:8000")
    antenna_token: Secret = _setting(Secret, "")
    antenna_timezone: ZoneInfo = _setting(_zone, "America/New_York")
    antenna_ui_url: Address = _setting(_address("http", "https", optional=True), "")
    project: int | None = _setting(_project, "")
    nats_url: Address = _setting(_address("nats", "tls"), "nats://localhost:4222")
    nats_creds: str = _setting(str, "")
    nats_user: str = _setting(str, "")
    nats_password: Secret = _setting(Secret, "")
    nats_token: Secret = _setting(Secret, "")
    nats_monitor_url: Address = _setting(
        _address("http", "https", optional=True), "http://localhost:8222"
    )
    redis_url: Address = _setting(_address("redis", "rediss", "unix"), "redis://localhost:6379/0")
    every_s: float = _setting(_seconds, "2")
    recording: Path = _setting(Path, "./recordings")
    allow_actions: bool = _setting(_flag, "false")
    tap: bool = _setting(_flag, "false")
    job_logs_every_s: float = _setting(_pause, "15")
    log_files: tuple[Path, ...] = _setting(_paths, "")
    rabbitmq_url: Address = _setting(_address("http", "https", optional=True), "")
    celery_redis_url: Address = _setting(_address("redis", "rediss", "unix", optional=True), "")
    celery_queues: tuple[str, ...] = _setting(_names, "antenna,jobs,ml_results")
    health_check_every_s: float = _setting(_span, "900")
    health_check_idle_s: float = _setting(_span, "600")
    alert_webhook: Address = _setting(_hook, "")
    alert_command: Secret = _setting(Secret, "")
    login_user: str = _setting(str, "")
    login_password: Secret = _setting(_secret_of(8), "")
    cookie_secret: Secret = _setting(_secret_of(32), "")
    environment: str = _setting(str, "")
    environment_colour: str = _setting(_colour, "grey")

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, dotenv: Path | None = Path(".env")
    ) -> "Settings":
        """Settings of the environment; what it does not set comes from ``.env``, then defaults.

        Args:
            environment: Variables to read; those of this process when not given.
            dotenv: File to read before them; ``None`` for none.

        Raises:
            SettingsError: A value can't be used, or a variable with our prefix is unknown. The
                message names the variable and what is allowed, and repeats no secret.
        """
        given: dict[str, str] = {}
        if dotenv is not None and dotenv.is_file():
            given.update({k: v for k, v in dotenv_values(dotenv).items() if v is not None})
        given.update(os.environ if environment is None else environment)
        known = {PREFIX + setting.name.upper(): setting for setting in fields(cls)}
        values: dict[str, Any] = {}
        for variable, setting in known.items():
            if variable not in given:
                continue
            parse = setting.metadata["parse"]
            try:
                values[setting.name] = parse(given[variable].strip())
            except ValueError:
                allowed = (parse.__doc__ or "another value").strip()
                raise SettingsError(f"{variable} can't be used: it must be {allowed}") from None
        ours = {v for v in given if v.startswith(PREFIX)}
        unknown = sorted(ours - known.keys() - TOLD_TO_COMMANDS)
        if unknown:
            raise SettingsError(
                f"{', '.join(unknown)} is no setting; settings are {', '.join(sorted(known))}"
            )
        return cls(**values)
