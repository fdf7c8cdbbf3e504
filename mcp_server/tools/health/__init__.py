"""Tools about the health of the whole."""
