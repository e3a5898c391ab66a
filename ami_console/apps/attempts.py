"""How often a login may fail: guessing a password is made slow, for one address and for all."""

import ipaddress
import time
from collections import defaultdict, deque
from collections.abc import Callable

PER_ADDRESS, IN_ALL = 5, 30
"""Failed logins that are heard within :data:`WINDOW_S`: of one address, of all together."""

WINDOW_S = 60.0


class Attempts:
    """Failed logins of the last minute."""

    def __init__(
        self,
        *,
        per_address: int = PER_ADDRESS,
        in_all: int = IN_ALL,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """None yet.

        Args:
            per_address: How many of one address are heard.
            in_all: How many of all addresses together.
            window_s: Within so many seconds.
            clock: Seconds that never run backwards.
        """
        self._per_address, self._in_all = per_address, in_all
        self._window_s, self._clock = window_s, clock
        self._all: deque[float] = deque()
        self._of: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait_s(self, address: str) -> float:
        """Seconds until this address is heard again; 0: now."""
        now_s = self._clock()
        self._forget(now_s)
        of_it = self._of.get(_network(address), ())
        waits = [
            failed[-most] + self._window_s - now_s
            for failed, most in ((of_it, self._per_address), (self._all, self._in_all))
            if len(failed) >= most
        ]
        return max(waits, default=0.0)

    def failed(self, address: str) -> int:
        """One more; how many of this address there were within the window, this one included."""
        now_s = self._clock()
        self._forget(now_s)
        self._all.append(now_s)
        of_it = self._of[_network(address)]
        of_it.append(now_s)
        return len(of_it)

    def _forget(self, now_s: float) -> None:
        before_s = now_s - self._window_s
        for failed in (self._all, *self._of.values()):
            while failed and failed[0] <= before_s:
                failed.popleft()
        for network in [network for network, failed in self._of.items() if not failed]:
            del self._of[network]


def _network(address: str) -> str:
    """What is counted as one: with IPv6 everybody has 2**64 addresses."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4 or (parsed.ipv4_mapped is not None):
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
