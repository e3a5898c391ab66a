"""Panel pages on live history or a recording."""
