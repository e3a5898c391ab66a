"""What every source says of a failure: what was tried, where, what came back, what to do.

Texts of libraries are not passed on: they may repeat a header or a URL, password included. What
a *server* said is passed on, shortened, masked as lines of a log are, and without our secrets in
any of the forms in which they are sent.
"""

import asyncio
import base64
import os
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from ami_console.errors import SourceMalformed, SourceRefused, SourceUnreachable
from ami_console.logs.masking import MASK, masked
from ami_console.settings import PREFIX, Address, Secret
from ami_console.sources.values import shown

_LONGEST_QUOTE = 160
_SHORTEST_BROKEN = 6  # characters of a secret that is found although a line was broken in it
_QUOTED_OF = 4096  # characters that are looked at: a server may say megabytes
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
        # Hidden before the cut, which could leave the half of one, and once more on one line.
        beginning = self._hidden(shown(said))[:_QUOTED_OF]
        printable = (letter if letter.isprintable() else " " for letter in beginning)
        line = self._hidden(_USERINFO.sub("//…@", " ".join("".join(printable).split())))
        for form in self._forms():
            if len(form) >= _SHORTEST_BROKEN:
                line = re.sub(" ?".join(map(re.escape, form.replace(" ", ""))), MASK, line)
        line = masked([line])[0]
        return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"

    def _hidden(self, line: str) -> str:
        for form in self._forms():
            line = line.replace(form, MASK)
        return line

    def _forms(self) -> list[str]:
        """Each secret as it is, in a URL, and as a header has it; the longest first."""
        forms: set[str] = set()
        for text in (secret.reveal() for secret in self.secrets):
            # A secret of one or two letters would turn the message into dots.
            if len(text) > 2:
                encoded = base64.b64encode(text.encode("utf-8", "replace")).decode().rstrip("=")
                in_url = (
                    quote(text, safe="", errors="replace"),
                    quote_plus(text, errors="replace"),
                )
                forms |= {text, encoded, *in_url}
        return sorted(forms, key=len, reverse=True)


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
