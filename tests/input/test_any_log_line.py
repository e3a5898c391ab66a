"""Whatever stands in a log: rows, with no count that is not in the text."""

import pytest

from tests.input.properties import PROPERTIES, Property


@pytest.mark.parametrize("tried", PROPERTIES["log_lines"], ids=lambda tried: tried.holds.__name__)
def test_any_lines(tried: Property) -> None:
    """Lines of real logs that were cut up, joined, or hold what somebody sent."""
    tried.try_few()
