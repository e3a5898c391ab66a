"""How HTML with texts travels to the browser."""

from typing import Any

from ami_console.apps.told import Places, ToldPane

PARTS = ["html", "texts", "newer"]


def test_of_many_texts_only_those_that_changed_are_sent() -> None:
    """A finding with all its evidence stands for hours: each second only its age differs."""
    pane = ToldPane()
    sent: list[tuple[str, Any]] = []
    pane.param.watch(lambda *e: sent.extend((each.name, each.new) for each in e), PARTS)

    def show(*changed: str) -> None:
        put = Places()
        told = [*changed, *map(str, range(40))][:40]
        pane.show(put.told("".join(put(each) for each in told)))
        sent_now.append([name for name, _ in sent])
        sent.clear()

    sent_now: list[list[str]] = []
    show("a", "b")
    show("c", "b")
    assert pane.newer == ["1", "0", "c"]
    show("c", "d")
    assert pane.newer == ["1", "0", "c", "1", "d"]  # all that differ from the whole list
    show("a", "b")
    assert pane.newer == ["1"]
    show(*"abcdefghijklmnopqrstuvwxyz")
    assert sent_now == [["html", "texts"], ["newer"], ["newer"], ["newer"], ["texts"]]
    assert pane.texts[-2] == "2"
