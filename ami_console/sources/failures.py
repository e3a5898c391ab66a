"""What every source says of a failure: what was tried, where, what came back, what to do.

Texts of libraries are not passed on: they may repeat a header or a URL, password included. What
a *server* said is passed on, shortened and without our secrets.
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

from ami_console.errors import SourceMalformed, SourceRefused, SourceUnreachable
from ami_console.settings import PREFIX, Address, Secret

_LONGEST_QUOTE = 160
_USERINFO = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Target:
    """A server as messages name it, and the setting that leads to it.

    Attributes:
        what: ``Antenna``, ``NATS``, ``Redis``, …
        address: Where it is; shown without user, password and query.
        setting: Name of the address's setting, without our prefix.
        secrets: What no message may hold, whoever wrote it.
    """

    what: str
    address: Address
    setting: str
    secrets: tuple[Secret, ...] = field(default=(), repr=False)

    @property
    def variable(self) -> str:
        """Environment variable of the address."""
        return PREFIX + self.setting

    def _say(self, came: str, advice: str) -> str:
        return f"{self.what} at {self.address.shown}: {came}; {advice}"

    def unreachable(self, came: str, advice: str = "") -> SourceUnreachable:
        """Nobody answered; without other advice: is it running, is the address right."""
        usual = f"check that it is running and that {self.variable} is right"
        return SourceUnreachable(self._say(came, advice or usual))

    def refused(self, came: str, advice: str) -> SourceRefused:
        """It answered, but not to us."""
        return SourceRefused(self._say(came, advice))

    def malformed(self, came: str, advice: str = "") -> SourceMalformed:
        """It answered with something else; without other advice: is the address right."""
        return SourceMalformed(self._say(came, advice or f"check {self.variable}"))

    def quote(self, said: object) -> str:
        """What the server said, on one short line and without our secrets."""
        printable = (letter if letter.isprintable() else " " for letter in str(said))
        line = _USERINFO.sub("//…@", " ".join("".join(printable).split()))
        for secret in self.secrets:
            # A secret of one or two letters would turn the message into dots.
            if len(secret.reveal()) > 2:
                line = line.replace(secret.reveal(), "…")
        return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"


def network_reason(error: BaseException) -> str | None:
    """Plain words for the system's error at the root of a library's; ``None`` if there is none."""
    for cause in _causes(error):
        reason = _system_reason(cause)
        if reason:
            return reason
    return None


def _system_reason(error: BaseException) -> str | None:
    match error:
        case ssl.SSLCertVerificationError():
            reason = (
                f"its TLS certificate is not trusted ({getattr(error, 'verify_message', '?')}),"
                " name the authority that signed it with SSL_CERT_FILE"
            )
        case ssl.SSLError():
            why = getattr(error, "reason", None) or "the connection was closed"
            reason = f"TLS failed ({why}), is it a TLS port"
        case socket.gaierror():
            reason = "the host name is not known"
        case ConnectionRefusedError():
            reason = "connection refused"
        case ConnectionResetError() | BrokenPipeError() | asyncio.IncompleteReadError():
            reason = "it closed the connection"
        case TimeoutError():
            reason = "no answer in time"
        case OSError() if error.errno:
            # asyncio wraps several attempts into one error whose text lists our addresses.
            reason = os.strerror(error.errno).lower()
        case OSError() if "Multiple exceptions" in str(error):
            reason = "connection refused" if "Errno 111" in str(error) else "no connection"
        case _:
            return None
    return reason


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, its members if it is a group, and what caused it; roots may come late."""
    seen: set[int] = set()
    queue: list[BaseException] = [error]
    while queue:
        each = queue.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            queue.extend(each.exceptions)
        queue.extend(cause for cause in (each.__cause__, each.__context__) if cause is not None)
