"""Tools about the books."""
