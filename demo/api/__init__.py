"""The platform's HTTP API, answered by the stand-in."""
