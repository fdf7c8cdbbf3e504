"""What is asked of the books of a shard."""
