"""Tools about Prometheus."""
