"""Tools about circuit breakers."""
