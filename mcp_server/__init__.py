"""Answers for a model, from live facts and from stored history."""
