"""The monitor's own database."""
