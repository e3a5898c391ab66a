"""How old what is known of each source is."""

import pandas as pd

from ami_console import frames

ALWAYS = ("antenna", "nats", "redis")

AGES: dict[str, str] = {
    "source": frames.TEXT,
    "ok": frames.FLAG,
    "error": frames.TEXT,
    "last_read_at": frames.TIME,
    "last_ok_at": frames.TIME,
    "age_s": frames.MEASURE,
    "elapsed_s": frames.MEASURE,
    "requests": frames.COUNT,
    "bytes": frames.COUNT,
    "clock_offset_s": frames.MEASURE,
}


def source_ages(reads: pd.DataFrame, *, as_of: pd.Timestamp) -> pd.DataFrame:
    """Age of the newest good answer of each source, seconds, and what its last look gave.

    Args:
        reads: The ``reads`` frame, or its latest rows: one good and one failed look a source
            are enough.
        as_of: The instant judged at; later reads are left out.

    Returns:
        One row per source (antenna, nats and redis always; tap once it was read): ``source``
        (string), ``ok`` (boolean; NA never read), ``error`` (string; of the last look: why it
        failed, or a remark), ``last_read_at``, ``last_ok_at`` (datetime64[ns, UTC]), ``age_s``
        (Float64, ``as_of`` − ``last_ok_at``), ``elapsed_s`` (Float64), ``requests``, ``bytes``
        (Int64) and ``clock_offset_s`` (Float64) of the last look.
    """
    known = reads[reads["observed_at"] <= as_of].sort_values("observed_at", kind="stable")
    seen = set(known["source"].dropna())
    rows = []
    for source in (*ALWAYS, *sorted(seen - set(ALWAYS))):
        mine = known[known["source"] == source]
        good = mine[mine["ok"].fillna(False).astype(bool)]
        last = mine.iloc[-1].to_dict() if len(mine) else {}
        last_ok_at = good["observed_at"].iloc[-1] if len(good) else pd.NaT
        rows.append(
            {
                "source": source,
                "ok": last.get("ok", pd.NA),
                "error": last.get("error", pd.NA),
                "last_read_at": last.get("observed_at", pd.NaT),
                "last_ok_at": last_ok_at,
                "age_s": (as_of - last_ok_at).total_seconds() if len(good) else pd.NA,
                "elapsed_s": last.get("elapsed_s", pd.NA),
                "requests": last.get("requests", pd.NA),
                "bytes": last.get("bytes", pd.NA),
                "clock_offset_s": last.get("clock_offset_s", pd.NA),
            }
        )
    return frames.table(rows, AGES)
