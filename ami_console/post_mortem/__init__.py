"""Post-mortems: from a recording, a job's log or service logs alone, to the cause."""

from ami_console.post_mortem.cause import Cause
from ami_console.post_mortem.gather import Gathered, gathered
from ami_console.post_mortem.post_mortem import PostMortem, post_mortem

__all__ = ["Cause", "Gathered", "PostMortem", "gathered", "post_mortem"]
