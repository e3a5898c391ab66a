"""Cleans up after a demo that could not: a small process that outlives it by a moment.

It reads ``+<pid>`` and ``-<pid>`` lines from its standard input. When that ends, because the demo
closed it or was killed, the processes still listed are killed and the demo's folder is removed.
Run as a file of its own, so that it starts fast and needs nothing but the standard library.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time

_GONE_DEADLINE_S = 5.0


def main(folder: str) -> None:
    """Watch until standard input ends, then leave nothing behind."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    handles: dict[int, int | None] = {}
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            with contextlib.suppress(ProcessLookupError):
                handles[pid] = _handle(pid)
        else:
            _close(handles.pop(pid, None))
    for pid, handle in handles.items():
        with contextlib.suppress(ProcessLookupError):
            _kill(pid, handle)
    give_up_at = time.monotonic() + _GONE_DEADLINE_S
    for pid, handle in handles.items():
        while _is_there(pid, handle) and time.monotonic() < give_up_at:
            time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


def _handle(pid: int) -> int | None:
    """A file descriptor of the process: it never means a later process with the same number."""
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except ProcessLookupError:
        raise
    except OSError:  # an old kernel
        return None


def _kill(pid: int, handle: int | None) -> None:
    if handle is None:
        os.kill(pid, signal.SIGKILL)
    else:
        signal.pidfd_send_signal(handle, signal.SIGKILL)


def _is_there(pid: int, handle: int | None) -> bool:
    if handle is not None:
        return not select.select([handle], [], [], 0)[0]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


if __name__ == "__main__":
    main(sys.argv[1])
