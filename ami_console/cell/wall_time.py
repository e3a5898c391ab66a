"""Frames with wall time instead of UTC."""

from zoneinfo import ZoneInfo

import pandas as pd

from ami_console.settings import Settings


def local(frame: pd.DataFrame, zone: str | ZoneInfo | None = None) -> pd.DataFrame:
    """A frame with its times in another zone; the instants stay what they are.

    Args:
        frame: Any frame; its columns of time are aware of their zone, as all of ours are.
        zone: Such as ``"America/New_York"``; ``None``: that of Antenna, from the settings.

    Returns:
        A copy; columns without times as they were.
    """
    chosen = Settings.from_environment().antenna_timezone if zone is None else zone
    if isinstance(chosen, str):
        chosen = ZoneInfo(chosen)
    times = frame.select_dtypes("datetimetz").columns
    return frame.assign(**{name: frame[name].dt.tz_convert(chosen) for name in times})
