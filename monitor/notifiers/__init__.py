"""One receiver of messages per file, each ending in NOTIFIER."""
