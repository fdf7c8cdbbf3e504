"""Incidents: one for each fault that speaks for itself, its consequences with it."""
