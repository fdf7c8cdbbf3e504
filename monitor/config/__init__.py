"""The configuration: models, loading, example."""
