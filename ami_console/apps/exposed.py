"""Whether more than this machine can reach the page, and what must then be said by name."""

import ipaddress
import socket
from collections.abc import Collection, Iterator

from ami_console.apps.login import Login
from ami_console.apps.origins import EVERYWHERE
from ami_console.errors import SettingsError
from ami_console.settings import PREFIX


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens on an address."""
    if address in EVERYWHERE:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(address, None)
    except OSError:  # whoever listens on it will say so
        return False
    return all(ipaddress.ip_address(str(place[0])).is_loopback for *_, place in found)


def refuse_open(address: str, login: Login | None, *, without_login: bool) -> None:
    """Raise unless somebody wanted what others will be able to see.

    Args:
        address: That is listened on.
        login: That is asked for.
        without_login: It was said that none is wanted.

    Raises:
        SettingsError: Others could see the page without a login; or both were asked for.
    """
    if login is not None and without_login:
        raise SettingsError(
            f"--without-login and {PREFIX}LOGIN_USER contradict each other: leave one out"
        )
    if login is None and not without_login and not is_loopback(address):
        raise SettingsError(
            f"everybody who reaches {address or 'any address'} of this machine could see the "
            f"dashboard: set {PREFIX}LOGIN_USER and {PREFIX}LOGIN_PASSWORD so that it asks for a "
            "login, listen on 127.0.0.1 behind a web server that does, or say --without-login to "
            "let everybody in"
        )


def notes(address: str, login: Login | None, origins: Collection[str]) -> Iterator[str]:
    """What whoever starts the server had better know.

    Args:
        address: That is listened on.
        login: That is asked for.
        origins: Other names under which browsers were said to reach it.
    """
    if login is not None and login.ends_with_process:
        yield (
            f"logins end when this process ends; set {PREFIX}COOKIE_SECRET to let them outlive a "
            "restart"
        )
    if is_loopback(address):
        return
    if login is None:
        yield "there is no login: whoever reaches the page can see and press all that is on it"
    else:
        yield (
            "without TLS the password can be read on the way: let a web server with https stand "
            "in front"
        )
    if address in EVERYWHERE and not origins:
        yield (
            "browsers of other machines are refused until you say under which name they come: "
            "--origin HOST:PORT"
        )
