"""The report: the post-mortem of a job as one page that opens offline."""

from ami_console.report.page import page, report_html

__all__ = ["page", "report_html"]
