"""The stand-in's parts on real services: MariaDB, Kafka and Redis."""
