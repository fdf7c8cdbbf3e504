"""The shape of answers: rows, pages, what was unavailable."""
