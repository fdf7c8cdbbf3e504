"""The shards, read directly."""
