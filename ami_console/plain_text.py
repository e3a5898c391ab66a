"""Text of others as it may be shown: what drives a terminal, hides, or turns text is taken out.

Names of jobs, log lines and answers of servers are written by others. An escape sequence in one
would move the cursor of whoever reads it, and a direction override would make a name look like
another.
"""

import re

TERMINAL = re.compile(
    "\x1b(?:\\[[0-?]{0,64}[ -/]{0,8}[@-~]|\\][^\x07\x1b\n]{0,1024}(?:\x07|\x1b\\\\)|[@-Z_a-z])"
)
"""An escape sequence: colours, cursor movements, titles, links."""

UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters (of terminals too) but for tab and line feed; what turns the direction of
text; what has no width and so makes two names look alike, but for the joiners that Persian, Hindi
and emoji are written with; halves of a surrogate pair, which can't be written to disk."""

_BREAKS = re.compile("[\t\n]+")
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_PILED = re.compile(f"([{_MARKS}]{{3}})[{_MARKS}]+")


def plain(text: str) -> str:
    """Text without escape sequences and control characters; it may have several lines.

    Args:
        text: Of whoever.
    """
    if text.isprintable():
        return text
    return UNSHOWN.sub("", TERMINAL.sub("", text))


def one_line(text: str) -> str:
    """The same on one line, and without more than three accents on a letter: they hide others.

    Args:
        text: Of whoever.
    """
    if text.isascii() and text.isprintable():
        return text
    return _PILED.sub(r"\1", _BREAKS.sub(" ", plain(text)))
