"""Prometheus, asked over its HTTP API."""
