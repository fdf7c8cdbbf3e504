"""Where facts about the platform come from."""
