"""Measurements of this package; each prints JSON."""
