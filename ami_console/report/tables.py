"""The parts of a report that list: verdicts, events, attempts, images, set-up, gaps, log."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ami_console import metrics
from ami_console.diagnosis import CHECKS
from ami_console.markup import MISSING, SEVERITIES, absent, count, duration
from ami_console.metrics.source_gaps import SOURCE_NAMES
from ami_console.post_mortem.images import OUTCOMES
from ami_console.report.markup import badge, folded, note, paragraphs, section, table
from ami_console.report.material import CONFIGURATION, Material
from ami_console.report.words import NOT_KNOWN, Clock, escape, plural, sentence

MOST_EVENTS = 400
MOST_IMAGES = 300
"""Rows of images that are told one by one; the ids of all are listed."""

IDS_ON_PAPER, ROWS_ON_PAPER = 2_000, 50
"""Longer lists stay folded on paper."""

FOLD = 12
"""Lists that are longer are folded."""

SETUP = {
    "ack_wait_s": "ack wait",
    "max_deliver": "most deliveries",
    "max_ack_pending": "most in flight",
}


def verdicts(told: Material) -> str:
    """Every verdict on the job and on the sources while it ran, in the order of time."""
    rows = told.told.verdicts.sort_values("spoken_at", kind="stable")
    mine = rows[(rows["job_id"] == told.job_id).fillna(False) | rows["subject"].notna()]
    touching = [
        row for row in mine.to_dict("records")
        if row["spoken_at"] >= told.begins_at or absent(row["ended_at"])
        or row["ended_at"] >= told.begins_at
    ]  # fmt: skip
    shown = [row for row in touching if absent(row["hidden_by"])]
    hidden = [row for row in touching if not absent(row["hidden_by"])]
    if not touching:
        return note("Nothing was found of it: no check spoke while it ran.")
    body = _verdict_table(shown, told.clock, "Verdicts") if shown else ""
    if hidden:
        body += folded(
            f"{plural(len(hidden), 'verdict')} more, explained by others",
            _verdict_table(hidden, told.clock, "Verdicts explained by others"),
        )
    return body


def _verdict_table(rows: Sequence[Mapping[Any, Any]], clock: Clock, label: str) -> str:
    cells = []
    for row in rows:
        severity = "info" if absent(row["severity"]) else str(row["severity"])
        mark, tone = SEVERITIES.get(severity, ("·", "muted"))
        check = CHECKS.get(str(row["code"]))
        title = row["title"] if not absent(row["title"]) else check.title if check else ""
        begun = row["spoken_at"] if absent(row["since"]) else row["since"]
        ended = row["withdrawn_at"] if absent(row["ended_at"]) else row["ended_at"]
        over = {"stands": "stands", "unknown": "not seen any more"}.get(str(row["end"]))
        took = "" if absent(ended) else f", {duration((ended - begun).total_seconds())}"
        subject = "" if absent(row["subject"]) else f"{_source(row['subject'])}: "
        by = "" if absent(row["hidden_by"]) else f" Explained by {row['hidden_by']}."
        says = f"{subject}{clock.told(str(title))}{by}"
        cells.append(
            (
                f"{badge(severity, mark, tone)} <code>{escape(row['code'])}</code>",
                escape(says),
                clock.html(begun),
                clock.html(row["spoken_at"]),
                over or f"{clock.html(ended)}{took}",
            )
        )
    return table(("verdict", "says", "since", "spoke", "until"), cells, label=label, left=5)


def events(told: Material) -> str:
    """What happened to the job, event by event."""
    rows = told.story.happenings
    if rows.empty:
        return note("No event of it is known.")
    cells = []
    for row in rows.head(MOST_EVENTS).to_dict("records"):
        until = "" if absent(row["until_at"]) else f" to {told.clock.html(row['until_at'])}"
        error = row["at_error_s"]
        within = "" if absent(error) or error < 1 else f" ± {duration(error)}"
        reason = "" if absent(row["reason"]) else f": {row['reason']}"
        says = escape(told.clock.told(f"{row['title']}{reason}"))
        cells.append((f"{told.clock.html(row['at'])}{until}{within}", says))
    more = len(rows) - len(cells)
    body = table(("time", "event"), cells, label="Events", left=2)
    if more:
        body += note(f"{count(more)} later events are left out.")
    return folded(
        f"What happened, {plural(len(rows), 'event')}",
        body,
        is_open=len(rows) <= FOLD,
        on_paper=len(cells) <= ROWS_ON_PAPER,
    )


def attempts(told: Material) -> str:
    """How many tasks needed how many attempts."""
    single = told.tasks[~told.tasks["is_estimate"].fillna(True).astype(bool)]
    counted = metrics.attempts(single)
    if counted.empty:
        return note(
            "Neither the tap nor a log told of single tasks, so how often each was tried is not "
            "known."
        )
    whole = float(counted["tasks"].sum())
    rows = [
        (plural(int(row["delivery"]), "attempt"), count(row["tasks"]),
         f"{100 * float(row['tasks']) / whole:.1f} %")
        for row in counted.to_dict("records")
    ]  # fmt: skip
    return table(("needed", "tasks", "share"), rows, label="Attempts")


def images(told: Material) -> str:
    """Images in trouble by id: lost, given up, repeated; all ids, and some rows one by one."""
    rows = told.told.images
    if rows.empty:
        return section("images", "Images in trouble", note(
            "No single image is known to have been lost or handed out twice."
        ))  # fmt: skip
    outcome = rows["outcome"].astype("string").fillna("unknown")
    body = ""
    for name, mine in rows.groupby(outcome.to_numpy(dtype=object), sort=False):
        listed = f'<p class="ids">{escape(_ids(mine))}</p>'
        if len(mine) > FOLD * 2:
            listed = folded(
                f"the ids of all {count(len(mine))}", listed, on_paper=len(mine) <= IDS_ON_PAPER
            )
        says = OUTCOMES.get(str(name), "")
        beside = f' <span class="dim">{escape(says)}</span>' if says else ""
        head = f"{plural(len(mine), 'image')}: {escape(_outcome(name))}{beside}"
        body += f"<h3>{head}</h3>{listed}"
    clock = told.clock
    cells = [
        (
            _image(row),
            escape(_outcome(row["outcome"])),
            MISSING if absent(row["stream_seq"]) else str(int(row["stream_seq"])),
            count(row["deliveries"]),
            clock.html(row["first_delivered_at"]),
            clock.html(row["acked_at"]),
        )
        for row in rows.head(MOST_IMAGES).to_dict("records")
    ]
    heads = ("image", "what became of it", "message", "deliveries", "first delivered",
             "acknowledged")  # fmt: skip
    one_by_one = table(heads, cells, label="Images in trouble, one by one", left=2)
    more = len(rows) - len(cells)
    if more:
        one_by_one += note(
            f"The first {count(len(cells))} of {count(len(rows))}; the rest is in the frames of "
            "the recording."
        )
    body += folded(
        "one by one",
        one_by_one,
        is_open=len(rows) <= FOLD * 2,
        on_paper=len(cells) <= ROWS_ON_PAPER,
    )
    return section("images", "Images in trouble", body, about="by id")


def _outcome(name: Any) -> str:
    """What became of an image, in a word or two."""
    return str(name).replace("_", " ") if not absent(name) else NOT_KNOWN


def _image(row: Mapping[Any, Any]) -> str:
    return NOT_KNOWN if absent(row["image_id"]) else escape(row["image_id"])


def _ids(rows: pd.DataFrame) -> str:
    """Ids of images; of those without one the number of their message."""
    ids = rows["image_id"].astype("string")
    seqs = "message " + rows["stream_seq"].astype("string").fillna("?")
    return ", ".join(ids.fillna(seqs).to_list())


def setup(told: Material) -> str:
    """How the broker was set up for the job, as its consumer told at the time."""
    rows = told.configuration
    if rows.empty:
        body = note("No look at the broker told how the job's consumer was set up.")
        return section("setup", "Configuration at the time", body)
    cells = [
        (
            f"{told.clock.html(row['first_at'])} to {told.clock.html(row['last_at'])}",
            *(_setting(name, row[name]) for name in CONFIGURATION),
        )
        for row in rows.to_dict("records")
    ]
    body = table(("seen", *(SETUP[name] for name in CONFIGURATION)), cells, label="Configuration")
    if len(rows) > 1:
        body += note("It was changed while the job ran.")
    return section("setup", "Configuration at the time", body, about="read from the live consumer")


def _setting(name: str, value: Any) -> str:
    if absent(value):
        return NOT_KNOWN
    if name == "ack_wait_s":
        return duration(value)
    return "no limit" if value < 0 else count(value)


def what_if(told: Material) -> str:
    """What would have been otherwise."""
    texts = [told.clock.told(text) for text in told.if_else.in_words()]
    body = "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"
    return section("what-if", "What if", body, about="from the times that were observed")


def gaps(told: Material) -> str:
    """When a source could not be read, or nobody looked, while the job ran."""
    if told.gaps.empty:
        body = note("Every source that was read could be read for the whole time of the job.")
        return section("gaps", "Gaps of the sources", body)
    cells = []
    for row in told.gaps.to_dict("records"):
        length_s = (row["ends_at"] - row["begins_at"]).total_seconds()
        nobody = absent(row["source"])
        cells.append(
            (
                "nobody looked" if nobody else escape(_source(row["source"])),
                MISSING if nobody else escape(row["reason"]),
                told.clock.html(row["begins_at"]),
                "open" if row["is_open"] else told.clock.html(row["ends_at"]),
                duration(length_s),
            )
        )
    heads = ("source", "why", "from", "until", "for")
    body = table(heads, cells, label="Gaps of the sources", left=2)
    if len(cells) > FOLD:
        body = folded(plural(len(cells), "gap"), body)
    return section("gaps", "Gaps of the sources", body)


def not_known(told: Material) -> str:
    """What nothing told, and who told the rest."""
    texts = [sentence(told.clock.told(text)) for text in told.told.not_known]
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    body = f"<ul>{items}</ul>" if items else note("Nothing that this report asks for is unknown.")
    if told.told.told_by:
        body += paragraphs([f"Told by: {', '.join(told.told.told_by)}."], tone="note")
    return section("not-known", "What was not known", body)


def log(told: Material) -> str:
    """Lines of trouble, those of one sort together."""
    if told.logged.empty:
        return section("log", "Log", note("No log line that is known tells of trouble."))
    cells = [
        (
            escape(row["level"] if not absent(row["level"]) else "no level"),
            f'<code class="line">{escape(row["example"])}</code>',
            count(row["lines"]),
            told.clock.html(row["first_at"]),
            told.clock.html(row["last_at"]),
        )
        for row in told.logged.head(100).to_dict("records")
    ]
    heads = ("level", "the newest of its sort", "lines", "first", "last")
    body = table(heads, cells, label="Log lines that tell of trouble", left=2)
    more = len(told.logged) - len(cells)
    if more:
        body += note(f"{plural(more, 'more sort')} of lines are left out.")
    return section("log", "Log", body, about="lines of trouble, by what they say")


def _source(name: Any) -> str:
    return SOURCE_NAMES.get(str(name), str(name))
