"""The way in over HTTP: a server at /mcp with tokens, and the limits of its connections."""
