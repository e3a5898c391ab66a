"""Who we are to each source and what it lets us do: asked, never tried.

Nothing here changes anything. A question that a login may not ask is refused and leaves at most a
line in the server's own log (NATS's log, Redis's ``ACL LOG``); so what leads nowhere is not asked
further.
"""

from ami_console.sources.rights.acl import ask_redis
from ami_console.sources.rights.facts import (
    AntennaFacts,
    Command,
    MonitorFacts,
    NatsFacts,
    RabbitFacts,
    RedisFacts,
)
from ami_console.sources.rights.over_http import ask_antenna, ask_monitor, ask_rabbit
from ami_console.sources.rights.user_info import ask_nats

__all__ = [
    "AntennaFacts",
    "Command",
    "MonitorFacts",
    "NatsFacts",
    "RabbitFacts",
    "RedisFacts",
    "ask_antenna",
    "ask_monitor",
    "ask_nats",
    "ask_rabbit",
    "ask_redis",
]
