"""Where readings come from. The only package that reads through httpx, nats and redis.

Each source turns what its server answers into rows of the frames, and every failure of its
library into one of the ``SourceError`` kinds. The parsers are pure, and poll logs go through
the same ones.
"""
