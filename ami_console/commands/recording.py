"""``ami-console recording``: one file per frame and day, copies elsewhere, and old days removed."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pandas as pd

from ami_console.cli import DONE, FOUND
from ami_console.commands.printing import cell, complain, paragraph, printable, table
from ami_console.recording.archive import Copied, archive
from ami_console.recording.layout import TAIL
from ami_console.recording.pruning import DayFiles, old_days, remove
from ami_console.recording.store import without_secrets
from ami_console.recording.upkeep import Joined, compact, shown
from ami_console.settings import Settings

LEFT = frozenset({"frame", "day"})


def run(options: argparse.Namespace) -> int:
    """Do it and say what was done; 1 when something is damaged, or was left as it was."""
    path = options.recording or str(Settings.from_environment().recording)
    try:
        if options.keeping == "prune":
            return _prune(path, options)
        return _compact(path) if options.to is None else _copy(path, options.to)
    finally:
        _clear_line()


def _compact(path: str) -> int:
    done = compact(path, now=pd.Timestamp.now("UTC"), progress=_progress)
    _clear_line()
    if done.joined:
        print(table(_by_frame(done.joined), left=LEFT))
        print(
            paragraph(f"joined: {len(done.joined)} of the {done.days} frames' days that are over")
        )
    else:
        print(paragraph(f"nothing to join in the {done.days} frames' days that are over"))
    if done.in_use:
        print(
            paragraph(
                f"{done.in_use} is recording there: today and the newest minutes stay as they are"
            )
        )
    for problem in done.problems:
        complain(problem)
    return FOUND if done.problems else DONE


def _by_frame(joined: Sequence[Joined]) -> list[dict[str, str]]:
    rows = []
    for name in dict.fromkeys(each.name for each in joined):
        mine = [each for each in joined if each.name == name]
        files = sum(each.files_before for each in mine), sum(each.files_after for each in mine)
        sizes = sum(each.bytes_before for each in mine), sum(each.bytes_after for each in mine)
        rows.append(
            {
                "frame": name,
                "days": cell(len(mine)),
                "files": f"{files[0]:,} → {files[1]:,}",
                "bytes": f"{sizes[0]:,} → {sizes[1]:,}",
            }
        )
    return rows


def _copy(path: str, to: str) -> int:
    copied = archive(path, to, progress=_progress)
    _clear_line()
    _print_copied(copied, to)
    if waiting := _tail_bytes(path):
        print(
            paragraph(
                f"not copied: {waiting:,} bytes of the newest looks, which are not in Parquet yet; "
                "they will be once the recorder packs them, or `recording compact` without --to"
            )
        )
    return _print_left_out(copied)


def _prune(path: str, options: argparse.Namespace) -> int:
    now = pd.Timestamp.now("UTC")
    old = old_days(path, older_than_days=options.older_than, now=now, progress=_progress)
    _clear_line()
    first_kept = (now - timedelta(days=options.older_than)).strftime("%Y-%m-%d")
    if not old:
        print(paragraph(f"nothing to remove: {path} has no day before {first_kept}"))
        return DONE
    _print_days(old)
    if not options.yes:
        first = "copied, read back and removed" if options.to else "removed for good"
        print(
            paragraph(
                f"days before {first_kept} would be {first}; nothing was done. With --yes it is."
            )
        )
        return DONE
    removable, code = old, DONE
    if options.to is not None:
        days = {(each.name, each.day) for each in old}
        copied = archive(path, options.to, wanted=days, progress=_progress)
        _clear_line()
        _print_copied(copied, options.to)
        code = _print_left_out(copied)
        removable = _safe(old, copied)
    kept = remove(path, removable)
    gone = [each for each in removable if each not in kept]
    print(
        paragraph(f"removed: {len(gone)} frames' days, {sum(each.bytes for each in gone):,} bytes")
    )
    for each in old:
        if each not in gone:
            print(
                f"kept: {each.name} {shown(each.day)}, as it was written to meanwhile or is not "
                "whole in the copy",
                file=sys.stderr,
            )
    return code if len(gone) == len(old) else FOUND


def _safe(old: Sequence[DayFiles], copied: Sequence[Copied]) -> list[DayFiles]:
    """The days of which everything is in the copy."""
    whole = {(each.name, each.day): each.sources for each in copied if not each.left_out}
    return [
        each for each in old if whole.get((each.name, each.day)) == frozenset(map(str, each.files))
    ]


def _print_days(days: Sequence[DayFiles]) -> None:
    rows = [
        {
            "frame": each.name,
            "day": shown(each.day),
            "rows": "damaged" if each.rows is None else cell(each.rows),
            "bytes": cell(each.bytes),
        }
        for each in days
    ]
    known = [each.rows for each in days if each.rows is not None]
    total = f"{'' if len(known) == len(days) else '≥ '}{sum(known):,}"
    size = cell(sum(each.bytes for each in days))
    print(table([*rows, {"frame": "all", "day": "", "rows": total, "bytes": size}], left=LEFT))


def _print_copied(copied: Sequence[Copied], to: str) -> None:
    rows, size = sum(each.rows for each in copied), sum(each.bytes for each in copied)
    new = sum(not each.was_there for each in copied)
    print(
        paragraph(
            f"copied and read back: {len(copied)} frames' days, {rows:,} rows, {size:,} bytes; "
            f"{new} of the days were not there yet. The copy is"
        )
    )
    print(printable(without_secrets(to)))


def _print_left_out(copied: Sequence[Copied]) -> int:
    damaged = [damage for each in copied for damage in each.left_out]
    for damage in damaged:
        print(
            f"ami-console: not in the copy: {printable(damage.path)}: {printable(damage.reason)}",
            file=sys.stderr,
        )
    return FOUND if damaged else DONE


def _tail_bytes(path: str) -> int:
    tail = Path(path) / TAIL
    return sum(file.stat().st_size for file in tail.iterdir()) if tail.is_dir() else 0


def _progress(what: str, done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{what}: {done} of {count}\x1b[K", end="", file=sys.stderr, flush=True)


def _clear_line() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
