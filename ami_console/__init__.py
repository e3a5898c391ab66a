"""ami-console: whether an Antenna job is stuck, why, with which evidence, and what to do."""

__version__ = "0.1.0"
