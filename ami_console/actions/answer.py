"""What came back when Antenna was asked for an action: done, refused, never sent, or not known."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["accepted", "refused", "not sent", "not known"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Antenna's answer, or why there is none.

    Attributes:
        kind: ``accepted``: it said so; ``refused``: it did nothing, and says why; ``not sent``:
            the request never reached it; ``not known``: it was sent, and nobody can tell whether
            it was done.
        says: One sentence for people, without secrets.
        status: HTTP status; ``None``: there was no answer.
        elapsed_s: From the request to its answer or end, seconds.
    """

    kind: Kind
    says: str
    status: int | None = None
    elapsed_s: float | None = None

    @property
    def may_be_done(self) -> bool:
        """Whether it can have happened, so that its outcome is worth following."""
        return self.kind in ("accepted", "not known")

    @property
    def lacks_rights(self) -> bool:
        """Whether the token is wrong, or may only look."""
        return self.status in (401, 403)
