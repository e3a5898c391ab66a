"""Whom the dashboard listens to, and what must be said by name before it listens to everybody."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asking import PASSWORD, USER, Asker, a_login
from staged_feed import StagedFeed

from ami_console import cli
from ami_console.apps.exposed import is_loopback, notes, refuse_open
from ami_console.apps.origins import Origins
from ami_console.apps.serve import serve
from ami_console.commands.serving import serving
from ami_console.errors import SettingsError

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_loopback(address: str) -> None:
    """Nobody else reaches these, so no login is asked for."""
    assert is_loopback(address)
    refuse_open(address, None, without_login=False)
    assert list(notes(address, None, ())) == []


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"])
def test_others_are_let_in_by_name_only(address: str) -> None:
    """Somebody wants to look from another desk, and takes the first option that works."""
    assert not is_loopback(address)
    with pytest.raises(SettingsError) as caught:
        refuse_open(address, None, without_login=False)
    for said in ("AMI_CONSOLE_LOGIN_USER", "AMI_CONSOLE_LOGIN_PASSWORD", "--without-login"):
        assert said in str(caught.value)
    refuse_open(address, None, without_login=True)
    refuse_open(address, a_login(), without_login=False)
    with pytest.raises(SettingsError, match="contradict"):
        refuse_open(address, a_login(), without_login=True)


def test_what_is_dangerous_is_said() -> None:
    """At the start, where whoever starts it reads it."""
    open_to_all = " ".join(notes("0.0.0.0", None, ()))
    assert "no login" in open_to_all
    assert "--origin" in open_to_all
    locked = " ".join(notes("192.0.2.1", a_login(), ()))
    assert "https" in locked
    assert "COOKIE_SECRET" in locked
    assert "--origin" not in locked


def test_the_library_refuses_too() -> None:
    """A notebook calls ``serve`` itself."""
    with pytest.raises(SettingsError, match="could see the dashboard"):
        serve(StagedFeed(()), address="0.0.0.0", port=0, threaded=True)


@pytest.mark.parametrize("what", [[], ["--recording", "{folder}"]])
def test_the_command_does_not_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: list[str],
) -> None:
    """Live or on a recording: exit code 2, and what to do; nothing was asked of any source."""
    monkeypatch.chdir(tmp_path)
    log = Path(__file__).parents[1] / "data/antenna/c_worker_crash"
    folder = tmp_path / "recordings"
    if what:
        assert cli.main(["import", str(log), "--into", str(folder)]) == 0
    asked = [part.format(folder=folder) for part in what]
    assert cli.main(["serve", "--port", "0", "--address", "0.0.0.0", *asked]) == 2
    assert "--without-login" in capsys.readouterr().err
    assert folder.exists() == bool(what)
    monkeypatch.setenv("AMI_CONSOLE_LOGIN_USER", USER)
    assert cli.main(["serve", "--port", "0", *asked]) == 2
    assert "AMI_CONSOLE_LOGIN_PASSWORD is missing" in capsys.readouterr().err


@contextmanager
def commanded(*options: str, login: bool = False) -> Iterator[Asker]:
    """What ``ami-console serve`` serves, with these options."""
    asked: argparse.Namespace = cli.parser().parse_args(["serve", "--port", "0", *options])
    with serving(StagedFeed(()), asked, login=a_login() if login else None) as address:
        yield Asker(address)


def test_with_a_login_it_may_be_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    """All addresses of the machine; the page of another one comes under the name that was given."""
    with commanded("--address", "0.0.0.0", "--origin", "desk:8080", login=True) as asker:
        assert asker.ask("/dashboard").location == "/login"
        cookie = asker.log_in(origin="http://desk:8080").cookie
        token = asker.ask("/dashboard", cookie=cookie).token
        assert asker.websocket(cookie=cookie, token=token, origin="http://desk:8080") == 101
        assert asker.websocket(cookie=cookie, token=token, origin="http://desk") == 403
    told = capsys.readouterr()
    assert PASSWORD not in told.err + told.out


def test_without_one_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A wall screen in a locked network."""
    with commanded("--address", "0.0.0.0", "--without-login") as asker:
        assert asker.ask("/dashboard").status == 200
        assert asker.ask("/login").status == 404
    assert "there is no login" in capsys.readouterr().err


def test_the_other_loopback_is_one_too() -> None:
    """``--address ::1``: the page opened there is our own."""
    try:
        server = serve(StagedFeed(()), address="::1", port=0, threaded=True)
    except SettingsError as error:
        pytest.skip(f"no IPv6 here: {error}")
    try:
        asker = Asker(server.url)
        token = asker.ask("/dashboard").token
        assert asker.websocket(token=token, origin=f"http://[::1]:{server.port}") == 101
    finally:
        server.stop()


def test_names_and_ports_of_pages() -> None:
    """Given as people write them; what a browser sends has no port where it is the usual one."""
    origins = Origins(
        "192.0.2.1", 5006, ["Console.example.org", "b.example:8443", "https://c.example"]
    )
    for own in (
        "http://127.0.0.1:5006",
        "http://localhost:5006",
        "http://[::1]:5006",
        "http://192.0.2.1:5006",
        "https://console.example.org",
        "http://console.example.org",
        "https://b.example:8443",
        "https://c.example",
    ):
        assert origins.allow(own), own
    for other in (
        None,
        "",
        "null",
        "file://",
        "http://127.0.0.1",
        "http://127.0.0.1:5007",
        "http://evil.example",
        "https://console.example.org:444",
        "https://console.example.org.evil.example",
        "https://evil.example/console.example.org",
        "https://console.example.org@evil.example",
        "https://b.example",
        "http://c.example",
        "http://[::1",
        "http://127.0.0.1:x",
        "ftp://console.example.org",
    ):
        assert not origins.allow(other), other


@pytest.mark.parametrize(
    "wrong", ["*", "*.example.org", "", "https://", "a.example/path", "a:b", "u@a.example", "[::1"]
)
def test_names_that_are_none(wrong: str) -> None:
    """A star would let every site of the world read the page in the operator's browser."""
    with pytest.raises(SettingsError, match="--origin"):
        Origins("127.0.0.1", 5006, [wrong])
