"""The strip that holds job database, broker and Redis side by side."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.apps import formats
from ami_console.apps.formats import State, clock
from ami_console.apps.sections import note, section
from ami_console.apps.told import Places, Told
from ami_console.diagnosis import Line

QUANTITIES = {
    "total": "in all",
    "processed": "processed",
    "in_flight": "in flight",
    "remaining": "remaining",
    "failed": "failed",
}
TELLERS = {"antenna": "job database", "nats": "broker", "redis": "Redis"}
VERDICTS = {
    "pass": State("agree", "✓", "good"),
    "fail": State("differ", "✗", "bad"),
    "cant_tell": State("can't tell", "?", "muted"),
}


def consistency_card(
    lines: Sequence[Line],
    *,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
    looked_s: float | None = None,
) -> Told:
    """Whether the three tell the same of a job; empty: nothing is known of it.

    Args:
        lines: :func:`ami_console.diagnosis.consistency` of the job.
        as_of: The instant that it is seen from.
        zone: Zone of the wall time.
        looked_s: How far back was looked, seconds; ``None``: as far as there is anything.
    """
    if not lines:
        return Told("")
    put = Places()
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("", *TELLERS.values(), ""))
    rows = "".join(_row(line, put) for line in lines)
    notes = _notes(lines, put, as_of=as_of, zone=zone, looked_s=looked_s)
    head = section("Do the three agree?", "images", None, as_of, zone)
    return put.told(
        f'{head}<table class="agree"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f"{notes}</div>"
    )


def _row(line: Line, put: Places) -> str:
    state = VERDICTS[line.verdict]
    quantity = QUANTITIES.get(line.quantity, formats.escape(line.quantity))
    cells = "".join(f"<td>{_cell(line, teller, put)}</td>" for teller in TELLERS)
    return (
        f'<tr class="{state.tone}"><th scope="row">{quantity}</th>{cells}<td><span '
        f'class="state {state.tone}"><i class="mark">{state.mark}</i>{state.word}</span></td></tr>'
    )


def _cell(line: Line, teller: str, put: Places) -> str:
    """The number; a dash where this one does not tell that at all."""
    if teller not in line.tellers:
        return f'<span class="dim">{formats.MISSING}</span>'
    value = getattr(line, teller)
    return '<span class="dim">unknown</span>' if value is None else put(formats.count(value))


def _notes(
    lines: Sequence[Line],
    put: Places,
    *,
    as_of: pd.Timestamp,
    zone: ZoneInfo,
    looked_s: float | None,
) -> str:
    """Why, said once for all quantities of which it is the reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if line.why:
            since = ""
            if line.since is not None:
                is_older = looked_s is not None and (
                    (as_of - line.since).total_seconds() > looked_s - 60
                )
                word = "since before" if is_older else "since"
                since = f", {word} {clock(line.since, zone, as_of=as_of)}"
            name = QUANTITIES.get(line.quantity, line.quantity)
            reasons.setdefault((line.verdict, _named(line.why) + since), []).append(name)
    told = []
    for (verdict, why), names in reasons.items():
        who = "All" if len(names) == len(lines) else ", ".join(names).capitalize()
        told.append(note(f"<b>{VERDICTS[verdict].mark} {formats.escape(who)}</b> {put(why)}."))
    return "".join(told)


def _named(why: str) -> str:
    """A reason in the words of the columns."""
    words = [TELLERS.get(word.strip(","), word) for word in why.split(" ")]
    return " ".join(
        f"{new}," if old.endswith(",") and old != new else new
        for old, new in zip(why.split(" "), words, strict=True)
    )
