"""A served dashboard on a staged feed."""

from collections.abc import Iterator

import pytest
from staged_feed import StagedFeed

from ami_console.apps import board
from ami_console.apps import feed as feeds
from ami_console.apps.serve import DashboardServer, serve


@pytest.fixture
def staged() -> Iterator[StagedFeed]:
    """Seven jobs in different moods, watched for ten minutes; the feed of this process."""
    feed = StagedFeed(every_s=10.0)
    feed.play(1810.0)
    feeds.use(feed)
    yield feed
    feeds.use(None)
    board.forget()


@pytest.fixture
def served(staged: StagedFeed) -> Iterator[DashboardServer]:
    """The dashboard on a free port of this machine."""
    server = serve(staged, port=0, threaded=True)
    yield server
    server.stop()
