"""Redis, read directly."""
