"""A small, honest stand-in for the payment platform, with faults on demand."""
