"""Metrics' histories out of files, for `paypulse backtest`."""
