"""The language that the commands speak: found first, then put into help, errors and prompts."""
