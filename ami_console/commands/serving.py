"""A running dashboard, as long as a command needs it."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ami_console.apps.exposed import notes
from ami_console.apps.feed import Feed
from ami_console.apps.login import Login
from ami_console.apps.recordings import Recordings
from ami_console.apps.serve import serve

LOOPBACK = "127.0.0.1"


@contextmanager
def serving(
    feed: Feed,
    options: argparse.Namespace,
    *,
    recordings: Recordings | None = None,
    login: Login | None = None,
) -> Iterator[str]:
    """Serve the dashboard on the command's port; gives its address.

    Args:
        feed: What every page shows.
        options: Of the command.
        recordings: Those that may be chosen on the page.
        login: That is asked for.

    Raises:
        AmiConsoleError: The port is taken, or the address is not one of this machine, or others
            would see the page without a login and nobody said that they may.
    """
    address = getattr(options, "address", LOOPBACK)
    origins = getattr(options, "origin", ())
    server = serve(
        feed,
        address=address,
        port=options.port,
        threaded=True,
        origins=origins,
        prefix=getattr(options, "prefix", ""),
        recordings=recordings,
        login=login,
        without_login=getattr(options, "without_login", False),
        behind_proxy=getattr(options, "behind_proxy", False),
    )
    for note in notes(address, login, origins):
        print(f"ami-console: {note}", file=sys.stderr)
    try:
        yield server.url
    finally:
        server.stop()
