"""The command line: arguments in, exit code out.

0 done, 1 found something that needs a human, 2 bad usage or input, 3 a source failed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ami_console import __version__
from ami_console.errors import AmiConsoleError, SourceError

DONE, FOUND, BAD_INPUT, SOURCE_FAILED = 0, 1, 2, 3

TAP_EFFECT = (
    "while it listens, a client that acknowledges with confirmation to a stream that is gone waits "
    "for its timeout instead of hearing at once (Antenna asks for no confirmation)"
)
"""What whoever switches the tap on is told."""

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What was typed behind ``ami-console``; of this process when not given.

    Returns:
        The exit code.
    """
    options = parser().parse_args(arguments)
    if arguments is None:  # our own process, not somebody's that calls us
        from ami_console.commands.stderr import guard  # noqa: PLC0415

        guard()
    try:
        return _command(options.command)(options)
    except SourceError as error:
        print(f"ami-console: {error}", file=sys.stderr)
        return SOURCE_FAILED
    except AmiConsoleError as error:
        print(f"ami-console: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:  # whoever read our output has enough
        sys.stderr.close()
        return DONE


def _command(name: str) -> Command:
    """The command's function; imported only now, so that ``--help`` does not wait for Panel."""
    from importlib import import_module  # noqa: PLC0415

    run: Command = import_module(f"ami_console.commands.{name.replace('import', 'importing')}").run
    return run


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="ami-console",
        description="Says whether an Antenna job is stuck, why, and what to do.",
        epilog="Settings are environment variables AMI_CONSOLE_…, or lines of a file .env; "
        "the README lists them.",
    )
    top.add_argument("--version", action="version", version=f"ami-console {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="real servers, a stand-in Antenna with workers, and the dashboard on them",
        description="Starts nats-server, redis-server and a stand-in Antenna with workers on free "
        "ports of this machine, watches them, and serves the dashboard. Ctrl-C ends all and "
        "leaves nothing behind.",
    )
    demo.add_argument("--scenario", metavar="NAME", default="mixed", help="which mood (mixed)")
    demo.add_argument("--port", type=_port, default=5006, help="of the dashboard (5006)")
    demo.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="then end")
    demo.add_argument("--no-open", action="store_true", help="do not open a browser")
    _add_tap(demo)

    _add_serve(commands)

    snapshot = commands.add_parser("snapshot", help="one look at every source")
    _add_jobs(snapshot)
    snapshot.add_argument("--format", choices=("table", "json", "csv"), default="table")

    record = commands.add_parser("record", help="the recorder alone")
    record.add_argument("--every", type=_seconds, metavar="S", help="seconds between looks")
    _add_jobs(record)
    record.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="then end")
    record.add_argument("--into", type=Path, metavar="DIR", help="the recording")
    _add_tap(record)

    importing = commands.add_parser(
        "import",
        help="poll logs, saved jobs and logs into a recording",
        description="Takes poll logs (series.jsonl, events.jsonl), jobs saved from the REST API, "
        "job logs, logs of Django, Celery and workers, and output of docker compose logs, plain or "
        "gzipped; told apart by what is in them. What the recording has already is left out.",
    )
    importing.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    importing.add_argument("--into", type=Path, required=True, metavar="DIR", help="the recording")

    diagnose = commands.add_parser(
        "diagnose",
        help="what is wrong, why, and what to do",
        description="Says which jobs and sources need a human, with the evidence. Judges a "
        "recording, by default the one that is being written now; without one it looks itself for "
        "a while. Exit code 1: something needs a human.",
    )
    diagnose.add_argument("jobs", nargs="*", type=_job, metavar="JOB", help="these jobs only")
    diagnose.add_argument("--recording", type=Path, metavar="DIR", help="judge this")
    diagnose.add_argument(
        "--as-of", metavar="ISO", help="as it stood then, such as 2026-11-23T15:20:00Z"
    )
    diagnose.add_argument(
        "--for",
        dest="for_s",
        type=_seconds,
        default=35.0,
        metavar="SECONDS",
        help="without a recording, look for so long (35)",
    )
    diagnose.add_argument("--format", choices=("table", "json"), default="table")

    doctor = commands.add_parser(
        "doctor",
        help="can every source be read, with which rights, and what does a look cost",
        description="Asks each source, without changing anything: reachable, version, rights that "
        "are there and not needed, rights that lack, clock, time zone, cost of a look. Exit code "
        "1: something needs a human.",
    )
    doctor.add_argument("--format", choices=("table", "json"), default="table")

    job = commands.add_parser(
        "job",
        help="run, retry or cancel a job, and see what became of it",
        description="Records one look at every source, says in numbers what will be lost or done "
        "twice, asks Antenna once, and follows the outcome in Antenna, NATS and Redis. A journal "
        "beside the recording keeps who, when, what, and the answer. Only with "
        "AMI_CONSOLE_ALLOW_ACTIONS=true. Without --yes it looks, says what it would do, and does "
        "nothing. Exit code 1: somebody must see whether it was done.",
    )
    job.add_argument("action", choices=("run", "retry", "cancel"))
    job.add_argument("job", type=_job, metavar="JOB")
    job.add_argument("--yes", action="store_true", help="do it")
    job.add_argument(
        "--wait",
        dest="wait_s",
        type=_seconds,
        default=120.0,
        metavar="SECONDS",
        help="follow the outcome for so long (120)",
    )
    job.add_argument("--format", choices=("table", "json"), default="table")

    summary = commands.add_parser("summary", help="one job's numbers, from a recording")
    summary.add_argument("job", type=_job, metavar="JOB")
    summary.add_argument("--recording", type=Path, metavar="DIR")
    summary.add_argument("--format", choices=("table", "json"), default="table")

    _add_report_and_watch(commands)
    _add_recording(commands)
    return top


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = commands.add_parser("serve", help="the dashboard, live or on a recording")
    serve.add_argument("--recording", type=Path, metavar="DIR", help="show this instead of live")
    serve.add_argument("--port", type=_port, default=5006, help="(5006)")
    serve.add_argument(
        "--address",
        default="127.0.0.1",
        help="to listen on (127.0.0.1); any other wants a login, AMI_CONSOLE_LOGIN_USER and "
        "AMI_CONSOLE_LOGIN_PASSWORD",
    )
    serve.add_argument(
        "--without-login",
        action="store_true",
        help="let everybody in who reaches the address, and do what the page offers",
    )
    serve.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="another name under which browsers reach it, behind a proxy; may be repeated",
    )
    serve.add_argument(
        "--prefix", default="", metavar="PATH", help="first part of its path, behind a proxy"
    )
    serve.add_argument(
        "--behind-proxy",
        action="store_true",
        help="the proxy sets X-Real-IP: believe it, and count failed logins per reader",
    )
    serve.add_argument(
        "--allow-actions",
        action="store_true",
        help="offer run, retry and cancel on the pages, as AMI_CONSOLE_ALLOW_ACTIONS=true does",
    )
    _add_tap(serve)


def _add_report_and_watch(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    report = commands.add_parser(
        "report",
        help="the post-mortem of a job as one page that opens offline",
        description="Writes one HTML file that fetches nothing: what happened in words, verdicts "
        "over time, charts, attempts, lost images, the broker's configuration, gaps, what was not "
        "known. From the recording that is named, or that is being written.",
    )
    report.add_argument("job", type=_job, metavar="JOB")
    report.add_argument("--recording", type=Path, metavar="DIR")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.html")
    report.add_argument(
        "--frames", action="store_true", help="and the job's frames as Parquet beside it"
    )

    watch = commands.add_parser(
        "watch",
        help="the live view in a terminal, of all jobs or of one",
        description="Looks at every source and shows jobs, findings and what the sources say, "
        "live, in the terminal. It records nothing. In a pipe it prints a block per look. Keys: "
        "j k choose, Enter opens, Esc goes back, p pauses, q quits. Honours NO_COLOR.",
    )
    watch.add_argument("job", nargs="?", type=_job, metavar="JOB")
    watch.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS", help="then end")


def _add_recording(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that keep recordings in order."""
    recording = commands.add_parser(
        "recording", help="keep recordings small, and put away old days"
    )
    kept = recording.add_subparsers(dest="keeping", required=True, metavar="WHAT")
    compact = kept.add_parser(
        "compact",
        help="one Parquet file per frame and day",
        description="Joins the parts of each day that is over into one, in place, or with --to "
        "into a copy elsewhere. May be run while the recording is written.",
    )
    prune = kept.add_parser(
        "prune",
        help="remove days that are older than so many days",
        description="Removes whole days of a recording, or with --to puts them there first and "
        "reads them back before anything is removed. Without --yes it only says what it would do.",
    )
    for command in (compact, prune):
        command.add_argument("recording", nargs="?", metavar="DIR", help="(the setting RECORDING)")
        command.add_argument(
            "--to", metavar="URL", help="a folder, or a URL of any fsspec filesystem"
        )
    prune.add_argument("--older-than", type=_days, required=True, metavar="30d", help="in days")
    prune.add_argument("--yes", action="store_true", help="do it")


def _add_jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--job", type=_job, action="append", metavar="N", help="this job only; may be repeated"
    )


def _add_tap(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--tap",
        action="store_true",
        help="listen to every acknowledgement and advisory as it is sent, as AMI_CONSOLE_TAP=true "
        f"does. It has a side effect: {TAP_EFFECT}",
    )


def _job(text: str) -> int:
    return _whole(text, 1, 2**63 - 1, "the number of a job")


def _port(text: str) -> int:
    return _whole(text, 0, 65535, "a port from 0 to 65535")


def _whole(text: str, low: int, high: int, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return int(text)


def _days(text: str) -> int:
    return _whole(text.removesuffix("d"), 1, 100_000, "a number of days such as 30d")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.2 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.2")
    return value


if __name__ == "__main__":
    sys.exit(main())
