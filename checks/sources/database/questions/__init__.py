"""Questions about figures, payments and events of a shard."""
