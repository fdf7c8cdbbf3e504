"""The story of one payment: its facts, and why it is where it is."""
