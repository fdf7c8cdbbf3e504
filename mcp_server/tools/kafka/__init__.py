"""Tools about Kafka."""
