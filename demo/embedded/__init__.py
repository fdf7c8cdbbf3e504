"""The stand-in's parts without servers: shards, broker and cache of its own."""
