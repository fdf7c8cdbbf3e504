"""The demo: a stand-in platform and the product at work on it."""
