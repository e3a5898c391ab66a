"""A running dashboard, as long as a command needs it."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from ami_console.apps.feed import Feed
from ami_console.apps.recordings import Recordings
from ami_console.apps.serve import serve

LOOPBACK = "127.0.0.1"


@contextmanager
def serving(
    feed: Feed, options: argparse.Namespace, *, recordings: Recordings | None = None
) -> Iterator[str]:
    """Serve the dashboard on the command's port; gives its address.

    Args:
        feed: What every page shows.
        options: Of the command.
        recordings: Those that may be chosen on the page.

    Raises:
        AmiConsoleError: The port is taken, or the address is not one of this machine.
    """
    address = getattr(options, "address", LOOPBACK)
    server = serve(
        feed,
        address=address,
        port=options.port,
        threaded=True,
        origins=getattr(options, "origin", ()),
        prefix=getattr(options, "prefix", ""),
        recordings=recordings,
    )
    try:
        yield server.url
    finally:
        server.stop()
