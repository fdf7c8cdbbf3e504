"""The commands about the books: reconciling shards, and matching the gateway's file."""
