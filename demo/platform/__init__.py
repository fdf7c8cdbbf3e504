"""The payment platform in small: its parts and how they work together."""
