"""What tests need from outside."""

import os

import pytest


def missing(what: str) -> None:
    """Fail in CI, skip at a desk: something from outside is not installed."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
