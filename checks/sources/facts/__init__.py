"""Typed facts: what any source answers about the platform."""
