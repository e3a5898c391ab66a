"""The standalone server: where it answers, whom it lets in, and how it ends."""

import asyncio
import contextlib
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from staged_feed import StagedFeed
from tornado.websocket import WebSocketClosedError

from ami_console.apps import serve as serving
from ami_console.apps.serve import DashboardServer, notebook, serve
from ami_console.errors import AmiConsoleError, SettingsError

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)


@pytest.fixture(scope="module")
def server() -> Iterator[DashboardServer]:
    """The dashboard on a free port, with nothing to show."""
    running = serve(StagedFeed(()), port=0, threaded=True)
    yield running
    running.stop()


def get(server: DashboardServer, path: str) -> tuple[int, str, str]:
    """Status, final address and text of a page of the server."""
    url = server.url.removesuffix("/dashboard") + path
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.url, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, url, error.read().decode()


def test_the_root_leads_to_the_dashboard(server: DashboardServer) -> None:
    """An operator types host and port only."""
    status, url, text = get(server, "/")
    assert (status, url) == (200, server.url)
    assert "<title>Antenna jobs · ami-console</title>" in text


def test_liveness_answers(server: DashboardServer) -> None:
    """A supervisor asks every few seconds."""
    status, _, text = get(server, "/liveness")
    assert status == 200
    assert json.loads(text) == {"/liveness": True}


@pytest.mark.parametrize("path", ["/rest/session_info", "/rest", "/admin", "/dashboard.ipynb"])
def test_nothing_else_is_told(server: DashboardServer, path: str) -> None:
    """Sessions, their users and addresses are nobody's business."""
    assert get(server, path)[0] == 404


def test_another_site_may_not_open_the_websocket(server: DashboardServer) -> None:
    """A page of somebody else, open in the operator's browser, must not read the dashboard."""
    _, _, text = get(server, "/dashboard")
    token = re.search(r'"token":"([^"]+)"', text)
    assert token is not None

    def status(origin: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": f"bokeh, {token[1]}",
            "Origin": origin,
        }
        connection.request("GET", "/dashboard/ws", headers=headers)
        answer = connection.getresponse()
        answer.close()
        connection.close()
        return answer.status

    assert status("http://evil.example") == 403
    assert status(server.url.removesuffix("/dashboard")) == 101
    assert status(f"http://localhost:{server.port}") == 101


def test_a_port_in_use_is_named(server: DashboardServer) -> None:
    """A second dashboard is started by mistake."""
    with pytest.raises(SettingsError, match=rf"{server.port} \(Address already in use\): give"):
        serve(StagedFeed(()), port=server.port, threaded=True)


def test_an_address_of_another_machine_is_refused() -> None:
    """192.0.2.0/24 is nobody's."""
    with pytest.raises(SettingsError, match=r"192\.0\.2\.1"):
        serve(StagedFeed(()), address="192.0.2.1", port=5006, threaded=True)


def test_the_port_is_free_after_the_end() -> None:
    """Stopped and started again at once, as a restart does."""
    first = serve(StagedFeed(()), port=0, threaded=True)
    port = first.port
    first.stop()
    first.stop()
    second = serve(StagedFeed(()), port=port, threaded=True)
    assert get(second, "/liveness")[0] == 200
    second.stop()


def test_the_notebook_is_found_beside_the_package_or_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository has it beside the package, a wheel inside."""
    assert notebook().is_file()
    package = tmp_path / "site-packages" / "ami_console"
    (package / "notebooks").mkdir(parents=True)
    monkeypatch.setattr(serving.ami_console, "__file__", str(package / "__init__.py"))
    with pytest.raises(AmiConsoleError, match="install ami-console again"):
        notebook()
    inside = package / "notebooks" / "dashboard.ipynb"
    inside.write_text("{}")
    assert notebook() == inside


def test_a_browser_that_closes_is_no_news_and_a_fault_is(caplog: pytest.LogCaptureFixture) -> None:
    """A page was closed in the moment in which a message to it was on its way."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(serving.complain)
    with contextlib.closing(loop):
        loop.call_exception_handler({"message": "closed", "exception": WebSocketClosedError()})
        assert caplog.text == ""
        loop.call_exception_handler({"message": "a real fault", "exception": ValueError()})
    assert "a real fault" in caplog.text
