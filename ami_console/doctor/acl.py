"""Redis's rules of a user, as ``ACL GETUSER`` gives them: which commands and keys they allow."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase


def may_run(
    command: Sequence[str],
    *,
    rules: str,
    keys: Sequence[str],
    categories: Mapping[str, frozenset[str]],
) -> bool:
    """Whether a user may run a command; later rules go before earlier ones.

    Args:
        command: The command and its arguments; one that begins with ``job:`` is a key.
        rules: ``-@all +get +config|get``.
        keys: Patterns of the keys that it may touch.
        categories: Category → its commands.
    """
    name, words = command[0].lower(), [word.lower() for word in command[:2]]
    whole = "|".join(words)
    allowed = False
    for rule in rules.split():
        sign, what = rule[:1], rule[1:]
        is_meant = (
            what == "@all" or name in categories.get(what[1:], ())
            if what.startswith("@")
            else what.lower() in (name, whole)
        )
        if is_meant and sign in "+-":
            allowed = sign == "+"
    touched = [word for word in command[1:] if word.startswith("job:")]
    return allowed and all(any(fnmatchcase(key, pattern) for pattern in keys) for key in touched)
