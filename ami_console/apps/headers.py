"""What every answer tells the browser not to do."""

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

POLICY = "Content-Security-Policy"

_NOBODY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

HEADERS = {
    POLICY: f"default-src 'none'; {_NOBODY}",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    # With no-referrer browsers would send our own forms without saying where they come from.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer that does not bring its own: files, errors, redirects, the websocket."""

FORM_POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Of pages that only ask for something: no script at all."""


def page_policy(nonce: str) -> str:
    """The policy of a page that Panel and Bokeh draw.

    Scripts come from this server, or carry the nonce; so an ``onerror=`` or a ``<script>`` that
    slipped into a page does not run. What had to be let in, each as measured in Chromium:

    - ``blob:`` for scripts and connections: Panel fetches the code of each component from one, and
      imports it from another.
    - ``'unsafe-eval'``: Bokeh compiles the ticks, hovers and filters of charts with
      ``new Function``; their code comes from this program, never from Antenna.
    - ``'unsafe-inline'`` for styles: Bokeh and Material UI write ``<style>`` as they draw.
    - ``data:`` for images: the icons of Bokeh's tools.

    Args:
        nonce: Of this answer alone.
    """
    return (
        "default-src 'none'; "
        f"script-src 'self' 'nonce-{nonce}' blob: 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self' blob:; {_NOBODY}"
    )


class SafeHeaders(OutputTransform):
    """Adds :data:`HEADERS` to every answer of a Tornado application, and leaves its version out."""

    def __init__(self, request: HTTPServerRequest) -> None:
        """The same for every request."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        """What goes out first: status, headers, and the beginning of the body."""
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.pop("Server", None)
        return status_code, headers, chunk
