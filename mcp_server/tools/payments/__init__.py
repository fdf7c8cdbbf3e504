"""Tools about payments."""
