"""Whether the monitor is set up as it should be."""
