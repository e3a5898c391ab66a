"""The login: who gets in, who does not, and how slow guessing is made."""

import asyncio
import base64
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from asking import HANDSHAKE, PASSWORD, USER, Asker, a_login
from reverse_proxy import READER, hand_on, listening
from staged_feed import StagedFeed
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from ami_console.apps.attempts import Attempts
from ami_console.apps.front import LOGGED_OUT
from ami_console.apps.login import LASTS_S, Login, login_of
from ami_console.apps.serve import DashboardServer, serve
from ami_console.errors import SettingsError
from ami_console.settings import Secret, Settings

pytestmark = pytest.mark.filterwarnings(
    # Bokeh 3.9 makes a table's data with an argument that pandas 3.1 calls old.
    "ignore:The inplace keyword in DataFrame.reset_index:pandas.errors.Pandas4Warning"
)

Serve = Callable[..., DashboardServer]


@pytest.fixture(scope="module")
def serve_it() -> Iterator[Serve]:
    """``serve_it(**options)``: a dashboard with nothing to show and a login."""
    running: list[DashboardServer] = []

    def start(**options: object) -> DashboardServer:
        options = {"login": a_login(), "port": 0, "threaded": True} | options
        running.append(serve(StagedFeed(()), **options))  # type: ignore[arg-type]
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def locked(serve_it: Serve) -> Asker:
    """A dashboard that asks for a login."""
    return Asker(serve_it().url)


# ---- what is open


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/ws",
        "/dashboard/metadata",
        "/dashboard/autoload.js",
        "/static/js/bokeh.min.js",
        "/static/extensions/panel/panel.min.js",
        "/favicon.ico",
        "/components/panel.io.server/x/css/y",
        "/nothing",
    ],
)
def test_nothing_is_told_without_a_login(locked: Asker, path: str) -> None:
    """Somebody of the network looks around: not even what is there can be found out."""
    told = locked.ask(path)
    assert (told.status, told.cookie) == (403, "")
    assert locked.ask(path, headers=HANDSHAKE).status == 403
    assert locked.ask(path, cookie="ami_console_login=2|1:0|forged").status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_no_method_leads_around_it(locked: Asker, method: str) -> None:
    """The page is asked for in another way."""
    assert locked.ask("/dashboard", method=method).status == 403


def test_the_page_leads_to_the_login(locked: Asker) -> None:
    """A link to a job is opened in the morning; the login keeps what it was for."""
    told = locked.ask("/dashboard?tab=job&job=4")
    assert (told.status, told.location) == (302, "/login?next=tab%3Djob%26job%3D4")
    assert told.headers["Cache-Control"] == "no-store"
    asked = locked.ask(told.location)
    assert 'action="login?next=tab%3Djob%26job%3D4"' in asked.text
    assert locked.ask("/").location == "/login"


def test_a_supervisor_needs_no_login(locked: Asker) -> None:
    """It only asks whether the server answers."""
    assert (locked.ask("/liveness").status, locked.ask("/login.css").status) == (200, 200)


# ---- who gets in


def test_the_right_password_opens_all(locked: Asker) -> None:
    """The page, its files and its websocket."""
    told = locked.log_in(query="?next=tab%3Djob%26job%3D4")
    assert (told.status, told.location) == (303, "/dashboard?tab=job&job=4")
    attributes = told.headers["Set-Cookie"].split("; ")[1:]
    assert sorted(attributes) == ["HttpOnly", f"Max-Age={LASTS_S:.0f}", "Path=/", "SameSite=Lax"]
    page = locked.ask("/dashboard", cookie=told.cookie)
    assert page.status == 200
    assert "Antenna jobs" in page.text
    assert locked.ask("/static/js/bokeh.min.js", cookie=told.cookie).status == 200
    assert locked.websocket(cookie=told.cookie, token=page.token) == 101
    assert locked.websocket(token=page.token) == 403
    again = locked.ask("/login", cookie=told.cookie)
    assert (again.status, again.location) == (303, "/dashboard")


def test_the_cookie_is_not_in_the_page(locked: Asker) -> None:
    """A script must not be able to read it, and who saves the page must not save it too."""
    cookie = locked.log_in().cookie
    page = locked.ask("/dashboard", cookie=cookie, headers={"X-Secret": "marked"})
    payload = page.token.partition(".")[0]
    told = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    packed = re.search(rb'"__bk__zlib_": "([^"]+)"', told)
    assert packed
    told += zlib.decompress(base64.urlsafe_b64decode(packed[1] + b"=" * (-len(packed[1]) % 4)))
    assert b"session_id" in told
    for secret in (cookie.partition("=")[2], "marked"):
        assert secret not in page.text
        assert secret.encode() not in told


@pytest.mark.parametrize(
    ("user", "password"),
    [(USER, "wrong"), ("bob", PASSWORD), ("", ""), (USER, f"{PASSWORD} "), ("änn", "ü\ud83e")],
)
def test_the_wrong_one_does_not(
    serve_it: Serve, caplog: pytest.LogCaptureFixture, user: str, password: str
) -> None:
    """The log says from where, and neither who nor what: passwords get typed into any field."""
    asker = Asker(serve_it().url)
    with caplog.at_level(logging.INFO):
        told = asker.log_in(password.encode("utf-8", "replace").decode(), user=user)
    assert (told.status, told.cookie) == (403, "")
    assert "do not belong together" in told.text
    assert "a login from 127.0.0.1 failed" in caplog.text
    for typed in filter(None, (user, password)):
        assert typed not in caplog.text.replace("login", "")


def test_what_was_typed_is_text(locked: Asker) -> None:
    """It comes back so that it can be mended, and as nothing but text."""
    told = locked.log_in("x", user='"><script>alert(1)</script>', query="?next=%22%3E%3Cb%3E")
    assert "&lt;script&gt;" in told.text
    assert "<script" not in told.text
    assert "<b>" not in told.text


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "\\evil.example", "x\r\nSet-Cookie: a=b", "@evil"],
)
def test_it_leads_nowhere_else(locked: Asker, wanted: str) -> None:
    """A link to our login, made by somebody who wants the reader to end up on another page."""
    told = locked.log_in(query=f"?next={quote(wanted)}")
    assert told.status == 303
    assert re.fullmatch(r"/dashboard(\?[\w%=.+&-]*)?", told.location)
    assert told.headers.get_all("Set-Cookie") == [told.headers["Set-Cookie"]]


# ---- other people's pages


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", None, "http://127.0.0.1", "http://127.0.0.1:1"]
)
def test_another_page_can_not_log_in_or_out(locked: Asker, origin: str | None) -> None:
    """It would put the reader into an account of its own choice, or throw them out."""
    told = locked.log_in(origin=origin)
    assert (told.status, told.cookie) == (403, "")
    assert "--origin" in told.text
    cookie = locked.log_in().cookie
    sent = {} if origin is None else {"Origin": origin}
    assert locked.ask("/logout", method="POST", cookie=cookie, headers=sent).status == 403
    assert locked.ask("/dashboard", cookie=cookie).status == 200


def test_another_page_can_not_read_along(locked: Asker) -> None:
    """Its websocket brings no cookie, and would not be taken with one."""
    cookie = locked.log_in().cookie
    token = locked.ask("/dashboard", cookie=cookie).token
    assert locked.websocket(cookie=cookie, token=token, origin="http://evil.example") == 403
    assert locked.websocket(cookie=cookie, token=token, origin="null") == 403


@pytest.mark.parametrize("how", ["argument", "token", "header"])
def test_a_session_can_not_be_chosen(locked: Asker, how: str) -> None:
    """A link that makes the reader share a page with whoever sent it."""
    cookie = locked.log_in().cookie
    query = {"argument": "?bokeh-session-id=a", "token": "?bokeh-token=a.b", "header": ""}[how]
    sent = {"Bokeh-Session-Id": "a"} if how == "header" else {}
    assert locked.ask(f"/dashboard{query}", cookie=cookie, headers=sent).status == 400


# ---- too many


def test_guessing_is_made_slow(serve_it: Serve) -> None:
    """After five nobody is heard for a minute, with the right password neither."""
    now_s = 1000.0
    attempts = Attempts(clock=lambda: now_s)
    asker = Asker(serve_it(login=a_login(attempts=attempts)).url)
    cookie = asker.log_in().cookie
    assert [asker.log_in("wrong").status for _ in range(5)] == [403] * 5
    now_s += 12.5
    told = asker.log_in()
    assert (told.status, told.headers["Retry-After"], told.cookie) == (429, "48", "")
    assert "Try again in 48 s" in told.text
    assert asker.ask("/dashboard", cookie=cookie).status == 200  # who is in stays in
    now_s += 48
    assert asker.log_in().status == 303


def test_one_address_and_all_of_them() -> None:
    """A guesser with many addresses is slowed down, too; one with IPv6 has more than many."""
    now_s = 0.0
    attempts = Attempts(per_address=2, in_all=4, window_s=60, clock=lambda: now_s)
    assert attempts.wait_s("192.0.2.1") == 0
    attempts.failed("192.0.2.1")
    now_s = 10.0
    assert attempts.failed("192.0.2.1") == 2
    assert attempts.wait_s("192.0.2.1") == 50
    assert attempts.wait_s("192.0.2.2") == 0
    attempts.failed("2001:db8::1")
    attempts.failed("2001:db8::2%eth0")
    assert attempts.wait_s("2001:db8::3") == 60
    assert attempts.wait_s("192.0.2.2") == 50  # four in all
    now_s = 70.0
    assert attempts.wait_s("192.0.2.1") == attempts.wait_s("192.0.2.2") == 0
    assert attempts._of == {}  # nothing is kept of those who gave up


# ---- the end of a login


async def test_logging_out_closes_what_is_open(serve_it: Serve) -> None:
    """At the end of the shift: other tabs, and copies of the cookie, are good for nothing."""
    asker = Asker(serve_it().url)

    def log_in() -> tuple[str, str]:
        cookie = asker.log_in().cookie
        return cookie, asker.ask("/dashboard", cookie=cookie).token

    cookie, token = await asyncio.to_thread(log_in)
    request = HTTPRequest(
        f"ws{asker.origin.removeprefix('http')}/dashboard/ws",
        headers={"Cookie": cookie, "Origin": asker.origin},
    )
    socket = await websocket_connect(request, subprotocols=["bokeh", token])
    assert await socket.read_message() is not None

    def log_out() -> tuple[str, str]:
        asked = asker.ask("/logout", cookie=cookie)
        told = asker.ask("/logout", method="POST", cookie=cookie, headers={"Origin": asker.origin})
        return asked.text, told.location

    asked, location = await asyncio.to_thread(log_out)
    assert f"logged in as <b>{USER}</b>" in asked
    assert location == "/login"
    while await socket.read_message() is not None:
        pass
    assert socket.close_code == LOGGED_OUT
    socket.close()
    told = await asyncio.to_thread(asker.ask, "/dashboard", cookie=cookie)
    assert told.location == "/login"
    assert (await asyncio.to_thread(asker.ask, "/logout", cookie=cookie)).location == "/login"


def test_a_login_ends_by_itself() -> None:
    """A shift is over; a page that is still open is asked again, too."""
    now_s = 1_700_000_000.0
    login = a_login(clock=lambda: now_s)
    cookie = login.cookie(USER)
    visitor = login.visitor(cookie)
    assert visitor is not None
    assert (visitor.user, visitor.until_s) == (USER, now_s + LASTS_S)
    now_s += LASTS_S - 1
    assert login.visitor(cookie) == visitor
    now_s += 1
    assert login.visitor(cookie) is None
    assert not login.holds(visitor)


def test_a_cookie_can_not_be_made_up() -> None:
    """Nor taken along from another password, another secret, another use of the secret."""
    secret = Secret("s" * 32)
    login = a_login(secret=secret)
    cookie = login.cookie(USER)
    assert login.visitor(cookie) is not None
    assert a_login(secret=secret).visitor(cookie) is not None  # after a restart
    assert Login(USER, Secret("changed since"), secret=secret).visitor(cookie) is None
    assert Login("bob", Secret(PASSWORD), secret=secret).visitor(cookie) is None
    assert a_login(secret=Secret("t" * 32)).visitor(cookie) is None
    assert a_login().visitor(cookie) is None
    assert a_login().ends_with_process
    for other in (None, "", "x", cookie[:-1], cookie.replace("|", "", 1), "1|2|3", "ü" * 40):
        assert login.visitor(other) is None
    assert login.cookie(USER) != cookie


# ---- behind a web server


@pytest.fixture(scope="module")
def proxied(serve_it: Serve) -> Iterator[Asker]:
    """Under a path of a web server, which says where requests come from."""
    with listening() as listener:
        port = listener.getsockname()[1]
        server = serve_it(
            prefix="ami",
            origins=[f"127.0.0.1:{port}", "https://console.example.org"],
            behind_proxy=True,
        )
        hand_on(listener, server.port)
        yield Asker(f"http://127.0.0.1:{port}/ami/dashboard")


def test_all_stays_under_the_path(proxied: Asker) -> None:
    """What the web server has beside us must not get our cookie, nor our readers."""
    for path in ("/ami", "/ami/", "/ami/dashboard", "/ami/dashboard/"):
        assert proxied.ask(path).location == "/ami/login"
    assert proxied.ask("/dashboard").status == 403
    assert proxied.ask("/ami/liveness").status == 200
    told = proxied.log_in(query="?next=job%3D4")
    assert told.location == "/ami/dashboard?job=4"
    assert "Path=/ami;" in told.headers["Set-Cookie"]
    page = proxied.ask(told.location, cookie=told.cookie)
    assert page.status == 200
    assert proxied.websocket(cookie=told.cookie, token=page.token) == 101
    evil = "http://evil.example"
    assert proxied.websocket(cookie=told.cookie, token=page.token, origin=evil) == 403
    for path in ("/ami", "/ami/", "/ami/dashboard/"):
        assert proxied.ask(f"{path}?job=4", cookie=told.cookie).location == "/ami/dashboard?job=4"
    assert 'action="logout"' in proxied.ask("/ami/logout", cookie=told.cookie).text


def test_with_https_the_cookie_travels_on_no_other_way(proxied: Asker) -> None:
    """The browser says itself that it came by https."""
    told = proxied.log_in(origin="https://console.example.org")
    assert told.status == 303
    assert "; Secure" in told.headers["Set-Cookie"]


def test_failures_are_counted_per_reader(proxied: Asker, caplog: pytest.LogCaptureFixture) -> None:
    """One of them guesses, and the others can still come in."""
    assert proxied.log_in("wrong").status == 403
    assert f"a login from {READER} failed" in caplog.text


def test_nobody_may_say_themselves_where_they_come_from(
    serve_it: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a web server in front that says so, every guess would come from elsewhere."""
    asker = Asker(serve_it().url)
    asker.log_in("wrong", headers={"X-Real-IP": READER, "X-Forwarded-For": READER})
    assert "a login from 127.0.0.1 failed" in caplog.text


# ---- settings


def test_half_a_login_is_an_error() -> None:
    """Somebody set the user and forgot the password: the page must not be open to all."""

    def of(**given: str) -> Login | None:
        environment = {f"AMI_CONSOLE_{name.upper()}": value for name, value in given.items()}
        return login_of(Settings.from_environment(environment, dotenv=None))

    assert of() is None
    assert of(login_user=USER, login_password=PASSWORD) is not None
    for half, lacks in (({"login_user": USER}, "PASSWORD"), ({"login_password": PASSWORD}, "USER")):
        with pytest.raises(SettingsError, match=f"AMI_CONSOLE_LOGIN_{lacks} is missing"):
            of(**half)
    for name in ("login_password", "cookie_secret"):
        with pytest.raises(SettingsError, match="must be at least") as caught:
            of(**{name: "short-1"})
        assert "short-1" not in str(caught.value)
