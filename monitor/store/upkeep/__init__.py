"""Looking after the file of the store."""
