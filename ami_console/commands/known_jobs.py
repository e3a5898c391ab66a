"""Jobs that some source has something of."""

from ami_console.frames import FrameSource


def known_jobs(source: FrameSource) -> set[int]:
    """Their numbers; an answer "no such job" or "no such stream" is not something."""
    jobs, consumers, counters = map(source.latest, ("jobs", "consumers", "counters"))
    return {
        *jobs.loc[jobs["status"].notna(), "job_id"].astype(int),
        *consumers.loc[consumers["stream_exists"].fillna(False), "job_id"].astype(int),
        *counters.loc[counters["total"].notna(), "job_id"].astype(int),
    }
