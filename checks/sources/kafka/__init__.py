"""Kafka, read directly."""
