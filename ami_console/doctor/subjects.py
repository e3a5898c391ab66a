"""NATS subjects with wildcards: which of them a list of permissions lets through."""

from collections.abc import Mapping, Sequence
from typing import Any

from ami_console.sources.values import items, mapping


def covers(pattern: str, subject: str) -> bool:
    """Whether everything that ``subject`` stands for fits ``pattern``; both may have wildcards."""
    ours, theirs = pattern.split("."), subject.split(".")
    for place, part in enumerate(ours):
        if part == ">":
            return len(theirs) > place
        if place >= len(theirs) or theirs[place] == ">":
            return False
        if part not in ("*", theirs[place]):
            return False
    return len(ours) == len(theirs)


def overlaps(one: str, other: str) -> bool:
    """Whether some subject fits both."""
    ours, theirs = one.split("."), other.split(".")
    for mine, yours in zip(ours, theirs, strict=False):
        if ">" in (mine, yours):
            return True
        if mine != yours and "*" not in (mine, yours):
            return False
    return len(ours) == len(theirs)


def may_all(permissions: Mapping[str, Any], verb: str, subject: str) -> bool:
    """Whether a login may publish or subscribe to all that a subject stands for.

    Args:
        permissions: ``permissions`` of ``$SYS.REQ.USER.INFO``; empty: no limits.
        verb: ``publish`` or ``subscribe``.
        subject: May have wildcards.
    """
    allowed, denied = _lists(permissions, verb)
    return any(covers(each, subject) for each in allowed) and not any(
        overlaps(each, subject) for each in denied
    )


def may_some(permissions: Mapping[str, Any], verb: str, subject: str) -> bool:
    """Whether a login may publish or subscribe to anything that a subject stands for.

    Args:
        permissions: See :func:`may_all`.
        verb: ``publish`` or ``subscribe``.
        subject: May have wildcards.
    """
    allowed, denied = _lists(permissions, verb)
    reached = [each for each in allowed if overlaps(each, subject)]
    return any(
        not any(covers(no, each) or covers(no, subject) for no in denied) for each in reached
    )


def _lists(permissions: Mapping[str, Any], verb: str) -> tuple[Sequence[str], Sequence[str]]:
    """What is allowed and what is denied; without a list of the first everything is allowed."""
    limits = mapping(permissions.get(verb))
    # Behind a blank stands the queue that a subscription is limited to: none of ours has one.
    allowed, denied = (
        [each for each in items(limits.get(key)) if isinstance(each, str) and " " not in each]
        for key in ("allow", "deny")
    )
    return (allowed if items(limits.get("allow")) else [">"]), denied
