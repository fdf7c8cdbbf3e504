"""Tools about Redis."""
