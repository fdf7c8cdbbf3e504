"""One bounded way to ask over HTTP."""
