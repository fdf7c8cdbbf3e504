"""Who may ask, over which transport, and what must be confirmed."""
