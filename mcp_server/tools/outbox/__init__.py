"""Tools about the outbox."""
