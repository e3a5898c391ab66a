"""Telling somebody who does not look: a webhook or a command for every critical finding.

Findings go in at every look; one call goes out when an episode begins, and one when it ends.
"""

from ami_console.alerts.alerts import Alerts

__all__ = ["Alerts"]
