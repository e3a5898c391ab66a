"""The error tree.

AmiConsoleError
├── SettingsError         a setting is wrong; names the setting and what is allowed
├── SourceError           a source could not be read
│   ├── SourceUnreachable     nobody answered: refused, unknown host, TLS, deadline
│   ├── SourceRefused         answered, but not to us: token, password, permission
│   └── SourceMalformed       answered with something that is not what was asked for
├── RecordingError        a recording can't be opened or written
├── ImportLogError        a file to import is not what it claims to be
├── FrameError            a frame lacks a needed column
├── ActionRefused         an action was not asked for, and nothing was sent (actions/perform.py)
├── UnknownJobError       nothing is known of the job that was asked for
└── ServerMissingError    the demo finds no nats-server or redis-server to start

Every message says what was tried, where (never with the secret), what came back and what to do.
What others wrote in it (a file's name, what a server said) can drive no terminal.
"""

from ami_console.plain_text import plain


class AmiConsoleError(Exception):
    """Base of everything this package raises on purpose."""

    def __str__(self) -> str:
        """The message, without control characters."""
        return plain(super().__str__())


class SettingsError(AmiConsoleError):
    """A setting has a value that can't be used."""


class SourceError(AmiConsoleError):
    """A source (antenna, nats, redis, tap) could not be read."""


class SourceUnreachable(SourceError):
    """Nobody answered within the deadline, or nobody is there."""


class SourceRefused(SourceError):
    """The server answered and refused: wrong token, password or rights."""


class SourceMalformed(SourceError):
    """The server answered with something other than what was asked for."""


class RecordingError(AmiConsoleError):
    """A recording can't be opened, or is written by somebody else."""


class ImportLogError(AmiConsoleError):
    """A file given to ``import`` is not a poll log that can be read."""


class FrameError(AmiConsoleError):
    """A frame lacks a column that the caller needs; the message names it."""


class UnknownJobError(AmiConsoleError):
    """Nothing is known of the job that was asked for."""


class ServerMissingError(AmiConsoleError):
    """No nats-server or redis-server program was found for the demo."""
