"""The commands about baselines: a backtest of recorded series, and what is accepted."""
