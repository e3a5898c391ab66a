"""The pages of the login: forms without a script, with nothing on them but what is needed."""

from ami_console.apps.formats import escape
from ami_console.apps.head import TITLE

SIGN_IN = "Log in"


def login_page(*, trouble: str = "", user: str = "", action: str = "login") -> str:
    """Asks for user and password.

    Args:
        trouble: Why the last try was in vain; empty: there was none.
        user: As it was typed then.
        action: Where the form goes to, query included.
    """
    said = f'<p class="trouble" role="alert">{escape(trouble)}</p>' if trouble else ""
    begun = f' value="{escape(user)}"' if user else ""
    first, second = ("", " autofocus") if user else (" autofocus", "")
    return _page(
        SIGN_IN,
        f'{said}<form method="post" action="{escape(action)}">'
        '<label for="user">User</label>'
        f'<input id="user" name="user" autocomplete="username" autocapitalize="none" '
        f'spellcheck="false" maxlength="200" required{begun}{first}>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" '
        f'maxlength="1000" required{second}>'
        f'<button type="submit">{SIGN_IN}</button></form>',
    )


def logout_page(user: str) -> str:
    """Asks whether to log out; a link alone could be followed by somebody else's page."""
    return _page(
        "Log out",
        f"<p>You are logged in as <b>{escape(user)}</b>. Logging out closes every page that was "
        "opened with this login.</p>"
        '<form method="post" action="logout"><button type="submit">Log out</button></form>'
        '<p><a href="dashboard">Back to the dashboard</a></p>',
    )


def refused_page(why: str) -> str:
    """Says why something was not done.

    Args:
        why: A sentence.
    """
    return _page(
        "Refused",
        f'<p class="trouble" role="alert">{escape(why)}</p>'
        '<p><a href="dashboard">To the dashboard</a></p>',
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title} · {TITLE} · ami-console</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="login.css"></head><body><main>'
        f"<h1>{TITLE}</h1><h2>{title}</h2>{body}</main></body></html>"
    )
