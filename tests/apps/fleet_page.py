"""Where things of the table of jobs are on a page."""

from playwright.sync_api import Locator, Page


def row(page: Page, row_text: str) -> Locator:
    """The row of a job that has this text in it."""
    return page.locator("tr[data-job]", has_text=row_text)


def cell(page: Page, row_text: str, column: str) -> Locator:
    """One cell of the row that has this text in it; columns are those of ``TITLES``."""
    return row(page, row_text).locator(f".c-{column}")


def names(page: Page) -> list[str]:
    """The names of the jobs from the first row on."""
    return page.locator("tr[data-job] button.name").all_text_contents()
