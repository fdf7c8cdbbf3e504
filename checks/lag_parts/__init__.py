"""What the check of consumer groups remembers and judges: offsets and the rows that are written."""
