"""The short way from a component to its browser, for what changes every second."""

from typing import Any

from panel.custom import JSComponent
from param.parameterized import discard_events


def update(component: JSComponent, values: dict[str, Any]) -> None:
    """Set parameters of a component, and of its models, which tell the browser.

    Panel's own way asks every watcher, theme and child of a component, which takes ten times as
    long as the change itself. Nobody but the browser may depend on these parameters.

    Args:
        component: Any; where its models are not all served, Panel's own way is taken.
        values: By the name of a parameter that the browser's code reads.
    """
    models = [model for model, _ in component._models.values()]
    documents = [model.document for model in models]
    if not models or not all(d is not None and d.session_context for d in documents):
        component.param.update(**values)
        return
    with discard_events(component):
        for name, value in values.items():
            setattr(component, name, value)
    for ref, (model, _) in component._models.items():
        # As Panel marks its own changes: else it takes them for the browser's, and answers them.
        before = component._changing.pop(ref, [])
        component._changing[ref] = [*before, *values]
        try:
            model.data.update(**values)
        finally:
            component._changing[ref] = before
            if not before:
                del component._changing[ref]
