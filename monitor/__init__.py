"""The engine: time, state and delivery."""
