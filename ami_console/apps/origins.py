"""Whose pages may talk to the server: its own, under the names that it was told."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from ami_console.errors import SettingsError

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  (compared with; the default is loopback)

_STANDARD = {"http": 80, "https": 443}


class Origins:
    """Hosts and ports under which browsers reach the dashboard; no other site's page may."""

    def __init__(self, address: str, port: int, more: Iterable[str] = ()) -> None:
        """This machine's own names, the address, and what else was given.

        Args:
            address: That is listened on.
            port: On which port.
            more: ``host``, ``host:port`` or a whole ``https://host``; without a port that of
                http or https is meant.

        Raises:
            SettingsError: One of them is not a host, or stands for many.
        """
        names = {"127.0.0.1", "localhost", "::1"} | ({address} - set(EVERYWHERE))
        self._known: set[tuple[str, int | None]] = {(name.lower(), port) for name in names}
        self._known |= {_parsed(text) for text in more}

    def allow(self, origin: str | None) -> bool:
        """Whether a request with this ``Origin`` comes from one of our own pages."""
        try:
            parts = urlsplit(origin or "")
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        standard = _STANDARD.get(parts.scheme)
        if not host or standard is None:
            return False
        if port in (None, standard) and (host, None) in self._known:
            return True
        return (host, port or standard) in self._known


def _parsed(text: str) -> tuple[str, int | None]:
    bare = text.strip()
    try:
        parts = urlsplit(bare if "://" in bare else f"//{bare}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    is_plain = bool(host) and "*" not in bare and "@" not in parts.netloc
    if not is_plain or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingsError(
            f"--origin {text!r} can't be used: give the name under which browsers reach the page, "
            "such as console.example.org or console.example.org:8443"
        )
    assert host is not None  # noqa: S101  (looked at above)
    if port is None and parts.scheme in _STANDARD:
        port = _STANDARD[parts.scheme]
    return host, port
