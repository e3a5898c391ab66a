"""What somebody may type as the name of a job, and what of it must come out nowhere."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ami_console.batch import Batch
from ami_console.instants import NS_PER_S
from ami_console.reading import Reading, Row
from ami_console.recording import RecordingWriter

ESCAPE, BELL, CSI = "\x1b", "\x07", "\x9b"
OVERRIDE, ISOLATE = "\u202e", "\u2066"

TEXTS = {
    "tag": "</script></title><img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover=alert(1) x='",
    "clear the screen": f"{ESCAPE}[2J{ESCAPE}[HLac",
    "title": f"{ESCAPE}]0;root@antenna{BELL}Lac",
    "clipboard": f"{ESCAPE}]52;c;cm0gLXJmIH4={BELL}Lac",
    "link": f"{ESCAPE}]8;;http://evil.example{ESCAPE}\\Lac{ESCAPE}]8;;{ESCAPE}\\",
    "eight-bit": f"{CSI}2J{CSI}31mLac",
    "unended": f"Lac{ESCAPE}]0;never ended",
    "over the line": "Lac\rcritical: none",
    "lines": "Lac\n[root] rm -rf\r\n\u2028done\u2029\x0b\x0c\x85",
    "turned": f"Lac {OVERRIDE}gnp.exe\u202c {ISOLATE}a\u2069\u200f\u061c",
    "unseen": "Lac\u200b\u2060\ufeff\u00ad\U000e0041 Supérieur",
    "piled": "Z" + "\u0301\u0332\u0489" * 40 + "algo",
    "wide": "日本の蛾" * 60,
    "nothing": "\x00\x01\x1f\x7f",
    "half a pair": "Lac \ud83d",
    "formula": "=cmd|'/C calc'!A0",
    "sum": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "tab": "\t=1+1",
    "blank": "  =1+1",
    "wide formula": "＝1+1",
    "path": "../../../etc/passwd",
    "windows": "C:\\con\\..\\aux.txt",
    "option": "--help -rf",
    "code": '"); import os; os.system("id") #',
    "quotes": "'''\"\"\"\\",
    "markup": "[red]Lac[/red] [link=http://evil.example]x[/link] :skull:",
    "markdown": "![x](http://evil.example/x.png) `id` <b>**Lac**</b>",
    "percent": "%s %(name)s {0} {name} {__class__}",
    "long": "x" * 5_000,
}
"""What it is → the text."""

_MANY = ("tag", "attribute", "clear the screen", "title", "eight-bit", "turned", "unseen", "code")
TEXTS["all at once"] = " ".join(TEXTS[what] for what in _MANY)

NAMES = dict(enumerate(TEXTS.values(), start=1))
"""Number of a job → its name."""

# A line feed and a tab are what a text of several lines has.
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""What a terminal obeys, what turns the direction of text, and what nobody sees."""


def obeyed(text: str, *, but: str = "") -> list[str]:
    """Each such character with what stands around it; empty: there is none.

    Args:
        text: Something that was written.
        but: A pattern of what we write ourselves, such as the colours of a live view.
    """
    rest = re.sub(but, "", text) if but else text
    found = OBEYED.finditer(rest)
    return [repr(rest[max(0, each.start() - 20) : each.end() + 20]) for each in found]


BEGIN_NS = pd.Timestamp("2026-11-24T09:00:00Z").value
END = pd.Timestamp("2026-11-24T09:04:00Z")
_EVERY_S = 20


def readings(names: Mapping[int, str] = NAMES) -> Iterator[Reading]:
    """Jobs of these names that wait for a worker, as a recording from elsewhere may hold them.

    All that is text in it is the name of some job: project, stage, queue, level of a log line,
    what a source complained of. Our own sources would have taken most of it out.
    """
    texts = list(names.values())
    for at_s in range(0, 241, _EVERY_S):
        observed_at = BEGIN_NS + at_s * NS_PER_S
        said = texts[at_s // _EVERY_S % len(texts)]
        base = [{"observed_at": observed_at, "job_id": job_id} for job_id in names]
        yield Reading(
            source="antenna",
            observed_at=observed_at,
            error=said,
            elapsed_s=0.1,
            rows={"jobs": [_job(row, names) for row in base], "stages": _stages(base, names)},
        )
        yield Reading(
            source="nats",
            observed_at=observed_at,
            elapsed_s=0.1,
            rows={"consumers": [{**row, **_WAITING} for row in base]},
        )
        yield Reading(source="redis", observed_at=observed_at, ok=False, error=said, elapsed_s=0.1)
        yield Reading(
            source="celery",
            observed_at=observed_at,
            rows={"queues": [{"observed_at": observed_at, "queue": t, "ready": 3} for t in texts]},
        )
    yield Reading(
        source="job_logs",
        observed_at=observed_at,
        rows={"log_events": Batch.from_rows(list(_lines(names)))},
    )


_WAITING = {
    "stream_exists": True,
    "consumer_exists": True,
    "messages": 20,
    "first_seq": 1,
    "last_seq": 20,
    "num_pending": 20,
    "num_ack_pending": 0,
    "num_redelivered": 0,
    "num_waiting": 0,
    "delivered_consumer_seq": 0,
    "delivered_stream_seq": 0,
    "ack_floor_consumer_seq": 0,
    "ack_floor_stream_seq": 0,
    "ack_wait_s": 60.0,
    "max_deliver": 2,
    "max_ack_pending": 1000,
    "stream_created_at": BEGIN_NS,
    "consumer_created_at": BEGIN_NS,
}


def _job(row: Row, names: Mapping[int, str]) -> Row:
    name = names[row["job_id"]]
    return row | {
        "name": name,
        "project": name,
        "pipeline": name,
        "dispatch_mode": "async_api",
        "status": "STARTED" if row["job_id"] % 3 else name,
        "created_at": BEGIN_NS,
        "started_at": BEGIN_NS,
    }


def _stages(rows: Sequence[Row], names: Mapping[int, str]) -> list[Row]:
    return [row | {"stage": names[row["job_id"]], "status": names[row["job_id"]]} for row in rows]


def _lines(names: Mapping[int, str]) -> Iterator[Row]:
    for job_id, name in names.items():
        for number, level in enumerate(("ERROR", name)):
            logged_at = BEGIN_NS + number * NS_PER_S
            yield {
                "observed_at": logged_at,
                "job_id": job_id,
                "logged_at": logged_at,
                "source": "job",
                "process": name,
                "level": level,
                "message": f"{number} {name}",
                "task_id": name,
                "client": name,
                "stage": name,
                "image_ids": name,
            }


def recorded(path: Path, names: Mapping[int, str] = NAMES) -> Path:
    """All that as a recording.

    Args:
        path: Where to; its name may be hostile too.
        names: Number of a job → its name.
    """
    with RecordingWriter(path) as writer:
        for reading in readings(names):
            writer.append(reading)
    return path
