"""What models asked for, and what became of it."""
