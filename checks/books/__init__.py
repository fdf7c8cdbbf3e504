"""Reconciliation: what the books say, what is remembered of them, and what is told."""
