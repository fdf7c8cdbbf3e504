"""The platform as its monitoring-service shows it over HTTP."""
