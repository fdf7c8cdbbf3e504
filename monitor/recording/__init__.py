"""What a pass leaves behind: what is stored, and what people must be told."""
