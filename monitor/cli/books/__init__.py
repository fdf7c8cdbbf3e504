"""The commands about the books: shards, the gateway's file, and the course of one payment."""
