"""The page of all checks, written from the register.

python -m ami_console.diagnosis.page > docs/checks.md
"""

import sys

from ami_console.diagnosis import CHECKS
from ami_console.diagnosis.check import Check
from ami_console.diagnosis.dwell import GRACE_S
from ami_console.diagnosis.sheet import FRESH_S

HEAD = f"""# The checks

What `ami-console diagnose`, the dashboard and the recorded `findings` say, each with what it goes
by. This page is written by `python -m ami_console.diagnosis.page` from the checks themselves.

Every check looks at the same frames live and in a recording, at the instant judged at and before
it. Its state must hold for a while before it speaks (the thresholds below say how long), and be
over for a while before it is withdrawn; `since` is when the state began, not when it was noticed.
A verdict names the weaker ones that it explains, and hides them. What was last read more than
{FRESH_S:g} s ago (or four usual pauses, if these are longer) is unknown: a verdict that stands is
kept for {GRACE_S:g} s then, and after that the check says *can't tell* and why. A value that is
missing is never taken for 0.

Severities: **critical**, images wait or are lost until somebody acts, or a source is down;
**warning**, somebody should look today; **info**, worth knowing, nobody has to act.
`ami-console diagnose` ends with 1 for the first two.
"""


def page() -> str:
    """The whole page as Markdown."""
    rows = [f"| [`{check.code}`](#{check.code}) | {check.title} |" for check in _sorted()]
    index = "\n".join(["| code | says |", "| --- | --- |", *rows])
    return "\n".join([HEAD, index, *map(_section, _sorted())])


def _sorted() -> list[Check]:
    return sorted(CHECKS.values(), key=lambda check: check.code)


def _section(check: Check) -> str:
    thresholds = [f"| {name} | {value} | {origin} |" for name, value, origin in check.thresholds]
    needs = ", ".join(check.needs) or "nothing besides"
    explains = ", ".join(f"`{code}`" for code in check.explains) or "none"
    return "\n".join(
        [
            f"\n## {check.code}\n",
            f"**{check.title}.** {check.meaning}\n",
            "| threshold | value | where it comes from |",
            "| --- | --- | --- |",
            *thresholds,
            f"| over for, before it is withdrawn | {check.clear_s:g} s | some looks |",
            f"\n- **What to do:** {check.next_step}",
            f"- **What would disprove it:** {check.disproved_by}.",
            f"- **Explains:** {explains}",
            f"- **Can't tell without:** {needs}",
            f"- **Reads:** {', '.join(f'`{column}`' for column in check.columns)}",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(page() + "\n")
