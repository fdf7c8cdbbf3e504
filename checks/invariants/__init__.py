"""What must hold in the books: one entry each, in families; every file here is discovered."""
