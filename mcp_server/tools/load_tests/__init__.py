"""Tools about load tests."""
