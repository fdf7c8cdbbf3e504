"""Tools about what was stored: metrics, alerts, reports, notes."""
