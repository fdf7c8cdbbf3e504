"""Commands on load tests."""
