"""What every answer forbids, and what is not answered at all."""

import re
import sys
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from asking import HANDSHAKE, Asker
from staged_feed import StagedFeed

from ami_console.apps import front
from ami_console.apps.headers import HEADERS, POLICY
from ami_console.apps.serve import MOST_BODY_BYTES, serve

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)


@pytest.fixture(scope="module")
def dashboard() -> Iterator[Asker]:
    """The dashboard of a desk, without a login and with nothing to show."""
    server = serve(StagedFeed(()), port=0, threaded=True)
    yield Asker(server.url)
    server.stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 302),
        ("GET", "/dashboard", 200),
        ("POST", "/dashboard", 405),
        ("GET", "/dashboard?bokeh-session-id=a", 400),
        ("GET", "/dashboard/ws", 400),
        ("GET", "/static/js/bokeh.min.js", 200),
        ("GET", "/static/extensions/panel/panel.min.js", 200),
        ("GET", "/static/nothing.js", 404),
        ("GET", "/static/../../../etc/passwd", 403),
        ("GET", "/favicon.ico", 200),
        ("GET", "/liveness", 200),
        ("GET", "/nothing", 404),
        ("TRACE", "/dashboard", 405),
    ],
)
def test_every_answer_is_a_safe_one(dashboard: Asker, method: str, path: str, status: int) -> None:
    """Pages, files, redirects and errors alike."""
    told = dashboard.ask(path, method=method)
    assert told.status == status
    assert "Server" not in told.headers
    for name, value in HEADERS.items():
        if name != POLICY:
            assert told.headers.get_all(name) == [value]
    (policy,) = told.headers.get_all(POLICY)
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "script-src" not in rules or path == "/dashboard"
    assert not re.search(r"https?:|\*|[\w-]\.\w", policy)  # no other host


def test_the_websocket_is_a_safe_answer(dashboard: Asker) -> None:
    """Its handshake is an answer like others, taken or refused."""
    token = dashboard.ask("/dashboard").token
    for origin, status in ((dashboard.origin, 101), ("http://evil.example", 403)):
        sent = HANDSHAKE | {"Origin": origin, "Sec-WebSocket-Protocol": f"bokeh, {token}"}
        told = dashboard.ask("/dashboard/ws", headers=sent)
        assert told.status == status
        assert told.headers["X-Content-Type-Options"] == "nosniff"


def test_only_the_page_s_own_scripts_run(dashboard: Asker) -> None:
    """Each carries what this answer alone allows; nobody can know it beforehand."""
    nonces = set()
    for _ in range(2):
        told = dashboard.ask("/dashboard")
        assert told.headers["Cache-Control"] == "no-store"
        (nonce,) = re.findall(r"'nonce-([\w-]{22})'", told.headers[POLICY])
        scripts = re.findall(r"<script[^>]*>", told.text)
        assert len(scripts) > 5
        assert all(f'nonce="{nonce}"' in script for script in scripts)
        assert not re.search(r"\son\w+=", told.text)
        (allowed,) = re.findall(r"script-src ([^;]*);", told.headers[POLICY])
        assert "'unsafe-inline'" not in allowed
        nonces.add(nonce)
    assert len(nonces) == 2


def test_nobody_makes_us_import_a_module(dashboard: Asker) -> None:
    """Panel serves files of any module by name, and imports it to find them."""
    name = "this"  # prints a poem when it is imported
    assert name not in sys.modules
    assert dashboard.ask(f"/components/{name}/s/css/x").status == 404
    assert name not in sys.modules


def test_nobody_makes_us_build_a_page_for_nothing(
    dashboard: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Panel's own answer runs the whole notebook for whoever asks whether it lives."""
    built = []
    monkeypatch.setattr(front.PageHandler, "get_session", lambda _: built.append(1))
    told = dashboard.ask("/liveness?endpoint=/dashboard")
    assert (told.status, told.text) == (200, '{"/liveness": true}')
    assert built == []


@pytest.mark.parametrize("path", ["/dashboard/autoload.js", "/dashboard/metadata", "/login"])
def test_no_other_page_can_embed_ours(dashboard: Asker, path: str) -> None:
    """Bokeh would answer, and tell the browser that every site may read it."""
    told = dashboard.ask(
        f"{path}?bokeh-autoload-element=a", headers={"Origin": "http://evil.example"}
    )
    assert told.status == 404
    assert "Access-Control-Allow-Origin" not in told.headers


def test_nobody_fills_our_memory(dashboard: Asker) -> None:
    """A body of 100 MB would be taken whole before anybody looks at it."""
    client = HTTPConnection(dashboard.host, dashboard.port, timeout=30)
    client.putrequest("POST", "/dashboard")
    client.putheader("Content-Length", str(MOST_BODY_BYTES + 1))
    client.endheaders()
    assert client.getresponse().status == 400  # before the first byte of it
    client.close()
