"""A post-mortem as HTML for a notebook's cell: small, escaped, light and dark."""

import html
from typing import TYPE_CHECKING, Any

import pandas as pd

from ami_console.post_mortem.instants import absent

if TYPE_CHECKING:
    from ami_console.post_mortem.post_mortem import PostMortem

MOST_ROWS = 50

_STYLE = """
.ami-pm { max-width: 72ch; color: var(--jp-content-font-color1, #1b1f24); line-height: 1.5; }
.ami-pm h3 { margin: 0 0 .4em; font-size: 1.1em; }
.ami-pm p { margin: 0 0 .7em; overflow-wrap: anywhere; }
.ami-pm.ami-pm table { border-collapse: collapse; margin: .3em 0 .7em;
  font-variant-numeric: tabular-nums; }
.ami-pm.ami-pm table :is(th, td) { padding: .15em .8em .15em 0; text-align: left;
  vertical-align: top; max-width: none; white-space: nowrap;
  border-bottom: 1px solid var(--jp-border-color2, #8886); }
.ami-pm.ami-pm table .ami-pm-value { white-space: normal; overflow-wrap: anywhere;
  min-width: 12ch; }
.ami-pm .ami-pm-wide { overflow-x: auto; }
.ami-pm summary { cursor: pointer; }
@media (prefers-color-scheme: dark) {
  .ami-pm { color: var(--jp-content-font-color1, #e6e9ee); }
}
"""


def html_of(found: "PostMortem") -> str:
    """The post-mortem: its paragraphs, the evidence, the images."""
    name = f" {_text(found.name)}" if found.name else ""
    body = "".join(f"<p>{_text(each)}</p>" for each in found.in_words())
    return (
        f"<style>{_STYLE}</style><section class='ami-pm'>"
        f"<h3>Job {found.job_id}{name}: {_text(found.cause.title)}</h3>{body}"
        f"{_evidence(found)}{_images(found.cause.images)}</section>"
    )


def _evidence(found: "PostMortem") -> str:
    rows = "".join(
        f"<tr><th scope='row'>{_text(each.name)}</th>"
        f"<td class='ami-pm-value'>{_cell(each.value)}</td>"
        f"<td>{_text(each.source)}</td></tr>"
        for each in found.cause.evidence
    )
    if not rows:
        return ""
    head = (
        "<tr><th scope='col'>number</th><th scope='col'>value</th><th scope='col'>told by</th></tr>"
    )
    return (
        f"<details><summary>Evidence</summary><div class='ami-pm-wide'><table><thead>{head}</thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _images(images: pd.DataFrame) -> str:
    if images.empty:
        return ""
    shown = images.head(MOST_ROWS)
    head = "".join(f"<th scope='col'>{_text(column)}</th>" for column in shown.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>"
        for row in shown.itertuples(index=False)
    )
    more = f"<p>{len(images) - MOST_ROWS:,} more</p>" if len(images) > MOST_ROWS else ""
    return (
        f"<details open><summary>{len(images):,} images</summary><div class='ami-pm-wide'><table>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{more}</details>"
    )


def _cell(value: Any) -> str:
    return _text(f"{value:%H:%M:%S} UTC" if isinstance(value, pd.Timestamp) and not absent(value)
                 else value)  # fmt: skip


def _text(value: Any) -> str:
    return "–" if absent(value) else html.escape(str(value))
