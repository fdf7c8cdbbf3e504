"""What Slack answers, and what it tells about an app."""
