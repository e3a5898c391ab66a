"""What can be asked of Antenna for a job, and when it makes sense."""

from typing import Literal

from ami_console.reading import FINAL_STATUSES

Action = Literal["run", "retry", "cancel"]

ACTIONS: tuple[Action, ...] = ("run", "retry", "cancel")

NOT_ALLOWED = (
    "Run, retry and cancel are off. Set AMI_CONSOLE_ALLOW_ACTIONS=true, or serve with "
    "--allow-actions, and give a token that may write."
)
"""What whoever wants to act is told where the settings do not allow it."""


def action_of(text: str) -> Action | None:
    """The action of that name; ``None`` for any other word."""
    return next((action for action in ACTIONS if action == text), None)


def why_not(action: Action, status: str | None) -> str | None:
    """Why an action makes no sense for a job in this state; ``None``: it does.

    Args:
        action: What is wanted.
        status: Antenna's status of the job; ``None``: not known.
    """
    if status is None:
        return "what state the job is in is not known"
    if action == "run" and status != "CREATED":
        return f"the job is {status}, and only one that never ran is run; retry starts it anew"
    if action == "retry" and status == "CREATED":
        return "the job never ran: run it"
    if action == "retry" and status == "CANCELING":
        return "the job is being cancelled: wait until it is REVOKED, or cancel it again"
    if action == "cancel" and status in FINAL_STATUSES:
        return f"the job has ended ({status}): there is nothing to cancel"
    return None
