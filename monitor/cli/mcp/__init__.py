"""Commands for models and their clients."""
