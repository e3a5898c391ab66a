"""A page without a browser, whose parts are looked at one after another."""

from typing import Any

from ami_console.apps.dashboard import Dashboard
from ami_console.apps.stage import Stage


class Opened(Dashboard):
    """Whoever asks for a part goes to its tab first, as a reader does."""

    def at(self, tab: str) -> Any:
        """The part of a tab, which is shown from now on."""
        if self.view.tab != tab:
            self.view.tab = tab
        return self.parts[tab]

    @property
    def board(self) -> Any:
        return self.stage.board

    @property
    def panes(self) -> Any:
        return self.at("job").panes

    @property
    def now(self) -> Any:
        return self.at("job").part("now")

    @property
    def heads(self) -> Any:
        return self.now.heads

    @property
    def charts(self) -> Any:
        return self.now.charts

    @property
    def judged(self) -> Any:
        return self.at("job").judged

    @property
    def found(self) -> Any:
        return self.at("jobs").findings.text

    @property
    def table(self) -> Any:
        return self.at("jobs").table

    @property
    def nothing(self) -> Any:
        return self.at("jobs").nothing


def opened(feed: Any, job_id: int | None = None, **looked_at: Any) -> Opened:
    """A page as a session has it when its browser has it: subscribed before its first numbers."""
    stage = Stage(feed)
    stage.board.subscribe(lambda: None)
    stage.view.param.update(job=job_id, **looked_at)
    page = Opened(stage)
    page.is_open = True
    page.refresh()
    assert page.fault == ""
    return page
