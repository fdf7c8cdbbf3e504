"""The database servers, their dialects and the tables."""
