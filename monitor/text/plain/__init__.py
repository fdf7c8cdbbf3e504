"""Models as plain data, with the sentences beside the codes: for --json and for files."""
