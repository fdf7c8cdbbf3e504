"""The configuration on the command line, and what a run makes of it."""
