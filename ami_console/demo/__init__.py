"""A stand-in for Antenna on real nats-server and redis-server, for a desk and for the tests."""
