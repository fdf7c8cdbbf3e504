"""What is known of the books: breaks, reconciliations, payments' stories, matched files."""
