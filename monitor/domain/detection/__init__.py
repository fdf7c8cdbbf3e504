"""What is a regression: the rule for live series and for runs."""
