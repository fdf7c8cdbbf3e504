"""What was announced, brought to its receivers."""
