"""What was wrong: alerts, incidents, their transitions and silences."""
