"""Tools about merchants and their rate limits."""
