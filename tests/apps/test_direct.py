"""The short way to the browser: the same comes out as by Panel's own, and nothing else happens."""

from typing import Any

from bokeh.document import Document

from ami_console.apps.direct import update
from ami_console.apps.heartbeat import Heartbeat
from ami_console.apps.told import Told, ToldPane


class Served(Document):
    """A document that a browser has."""

    @property
    def session_context(self) -> Any:
        return self


def served(component: Any) -> tuple[Any, list[str]]:
    """Its model on a page of its own, and the names of what the browser is told of it."""
    document = Served()
    model = component.get_root(document)
    document.add_root(model)
    told: list[str] = []
    document.on_change(lambda event: told.append(event.attr))
    return model, told


def test_the_browser_is_told_once_and_nobody_answers() -> None:
    """Panel took our own change for the browser's: each gave it more to do than the change."""
    heart = Heartbeat(width=0, height=0)
    model, told = served(heart)
    update(heart, {"beat": 7})
    assert (heart.beat, model.data.beat, told) == (7, 7, ["beat"])
    assert heart._events == {}
    assert heart._changing == {}


def test_a_text_that_changes_reaches_the_browser() -> None:
    """A pane of the page: its texts, not its frame."""
    pane = ToldPane()
    model, told = served(pane)
    html = '<p><span data-v="0"></span></p>'
    pane.show(Told(html, ("1",)))
    told.clear()
    pane.show(Told(html, ("2",)))
    assert told == ["texts"]
    assert model.data.texts[0] == pane.texts[0] == "2"


def test_without_a_browser_it_goes_panels_own_way() -> None:
    """In a notebook the kernel's page hears of it as of everything else."""
    heart, seen = Heartbeat(width=0, height=0), []
    heart.param.watch(lambda event: seen.append(event.new), "beat")
    update(heart, {"beat": 3})
    assert seen == [3]
