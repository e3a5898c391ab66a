"""Where a job stands in Antenna's own pages."""

from urllib.parse import urlsplit, urlunsplit

from ami_console.apps.formats import escape
from ami_console.apps.told import Told

NO_ADDRESS = "AMI_CONSOLE_ANTENNA_UI_URL names no address of Antenna's pages, so there is no link."
NO_PROJECT = (
    "Newer versions of Antenna want the project in the address: set AMI_CONSOLE_PROJECT to its "
    "number if the link leads nowhere."
)


def job_url(job_id: int, ui_url: str, *, project_id: int | None = None) -> str | None:
    """Address of a job in Antenna's own pages; ``None`` without a usable address of these.

    Args:
        job_id: The job.
        ui_url: Where Antenna's pages are. User and password in it are left out: a page would
            show them to everybody.
        project_id: The job's project; ``None``: not known, and the address is that of older
            versions, which needs none.
    """
    try:
        parts = urlsplit(ui_url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    if not usable:
        return None
    whose = f"/projects/{int(project_id)}" if project_id is not None else ""
    path = f"{parts.path.rstrip('/')}{whose}/jobs/{int(job_id)}"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def job_links(job_id: int, ui_url: str, *, project_id: int | None = None) -> Told:
    """A link to a job in Antenna's own pages, or what to set so that there is one.

    Args:
        job_id: The job.
        ui_url: Where Antenna's pages are; empty: not set.
        project_id: The job's project; ``None``: not known.
    """
    url = job_url(job_id, ui_url, project_id=project_id)
    if url is None:
        return Told(f'<span class="dim">{NO_ADDRESS}</span>')
    hint = f' title="{NO_PROJECT}"' if project_id is None else ""
    return Told(
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer"{hint}>'
        f'Job {int(job_id)} in Antenna<span aria-hidden="true"> ↗</span></a>'
    )
