"""What is sent: each kind of message as a view in words, and the view in each medium."""
