"""What a log line must not carry into a recording: people, tokens, signed addresses.

Everything goes through here before it leaves this package, but for lines of a strict form that
has no room for such things.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2s

from ami_console.plain_text import plain

MASK = "…"

MESSAGE_LIMIT = 16_384
"""Characters of a message that are kept."""

_ROOM = 1024


@dataclass(frozen=True, slots=True)
class _Rule:
    """What to hide.

    Attributes:
        needles: One of them is in the text, in small letters, or there is nothing to do.
        pattern: What to look for; without a repeat within a repeat of the same letters.
        instead: What stands there then.
    """

    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str

    def applied(self, text: str) -> str:
        """The text without it."""
        lowered = text.lower()
        if any(needle in lowered for needle in self.needles):
            return self.pattern.sub(self.instead, text)
        return text


# Backslashes before a quotation mark: JSON within JSON.
_VALUE = r"\\{0,8}(?:\"[^\"\n]*\"?|'[^'\n]*'?|[^\s\"',;&)}\]]+)"
_IS = r"\\{0,8}[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
_SECRETS = (
    r"(?:token|passw(?:or)?d|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credential|"
    r"signature|session)"
)

_RULES = (
    _Rule(("@",), re.compile(r"//[^/\s\"'@]*(?:@[^/\s\"'@]*)*@"), "//…@"),
    _Rule(
        ("@", "%40"),
        re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
        "…@…",
    ),
    _Rule(("?",), re.compile(r"\?[^\s\"'<>=?]*=[^\s\"'<>]*"), "?…"),
    _Rule(
        ("authorization",),
        re.compile(rf"(?i)(authorization{_IS})[\"']?(?:[a-z]{{1,16}}[ \t]+)?{_VALUE}"),
        r"\1…",
    ),
    _Rule(("cookie",), re.compile(rf"(?i)(cookie{_IS})[^\n]*"), r"\1…"),
    _Rule(
        ("token", "passw", "pwd", "secret", "key", "credential", "signature", "session"),
        re.compile(rf"(?i)(\b[\w-]{{0,32}}{_SECRETS}[\w-]{{0,32}}{_IS}){_VALUE}"),
        r"\1…",
    ),
    _Rule(
        ("token", "bearer", "basic"),
        re.compile(r"(?i)(token|bearer|basic)([ \t]+)(?=[\w+/=.~-]{0,64}[0-9])[\w+/=.~-]{8,}…?"),
        r"\1\2…",
    ),
    _Rule(("eyj",), re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]+){0,4}"), MASK),
    _Rule(("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}"), MASK),
    _Rule(
        ("user",),
        re.compile(r"(?i)\b(user(?:name)?=)(?!client-[0-9a-f]{6}\b)[^\s,;]+"),
        r"\1…",
    ),
)

_LONG_HEX = re.compile(r"[0-9a-fA-F]{40,}")
_HEX_DIGITS = bytes(48 if byte in b"0123456789abcdefABCDEF" else 32 for byte in range(256))
_LONG_HEX_SEEN = b"0" * 40


def masked(messages: Sequence[str]) -> list[str]:
    """The messages as they may be kept: masked, without control characters, not too long."""
    parts = list(messages)
    if len(max(parts, key=len, default="")) > MESSAGE_LIMIT:
        # Room behind the cut, so that what lies across it is seen whole and hidden.
        return [shortened(_hidden(plain(part[: MESSAGE_LIMIT + _ROOM]))) for part in parts]
    # All at once first: mostly there is nothing to do.
    joined = "".join(parts)
    if not joined.replace("\n", "").isprintable():
        parts = [plain(part) for part in parts]
        joined = "".join(parts)
    lowered = joined.lower()
    for rule in _RULES:
        if any(needle in lowered for needle in rule.needles):
            parts = [rule.applied(part) for part in parts]
    if _has_long_hex(joined):
        parts = [_LONG_HEX.sub(MASK, part) for part in parts]
    return parts


def shortened(message: str) -> str:
    """The message, cut where it is longer than is kept."""
    return message if len(message) <= MESSAGE_LIMIT else f"{message[: MESSAGE_LIMIT - 1]}…"


def _hidden(message: str) -> str:
    """The message without secrets."""
    for rule in _RULES:
        message = rule.applied(message)
    return _LONG_HEX.sub(MASK, message)


def _has_long_hex(text: str) -> bool:
    return _LONG_HEX_SEEN in text.encode("utf-8", "replace").translate(_HEX_DIGITS)


def pseudonym(user: str, token: str) -> str:
    """A short name for whoever this is, the same every time; six hex digits.

    24 bits of a hash of user and token prefix: enough to tell the clients of a job apart, too
    few to find a token prefix by trying.
    """
    name = f"{user}\n{token}".encode("utf-8", "surrogatepass")
    return blake2s(name, digest_size=3).hexdigest()
