"""Who asks Antenna, and where: its address in every usual form, and the token."""

from urllib.parse import urlsplit

from ami_console.settings import Settings
from ami_console.sources.failures import Target
from ami_console.sources.rest import JsonClient


def antenna_client(settings: Settings, *, limit_s: float = 30.0) -> tuple[Target, JsonClient]:
    """Antenna as messages name it, and a client of its REST API; nothing is opened yet.

    Args:
        settings: Where it is; the address may end in ``/api/v2`` or not.
        limit_s: The longest that a connect or a silence may last, seconds.
    """
    token = settings.antenna_token
    target = Target("Antenna", settings.antenna_url, "ANTENNA_URL", (token,))
    has_base = urlsplit(settings.antenna_url.reveal()).path.rstrip("/").endswith("/api/v2")
    client = JsonClient(
        target,
        base="/" if has_base else "/api/v2/",
        headers={"Authorization": f"Token {token.reveal()}"} if token else {},
        limit_s=limit_s,
    )
    return target, client
