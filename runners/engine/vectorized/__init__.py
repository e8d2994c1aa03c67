"""Many backtests at once, vectorised with NumPy and equal to Backtrader to the cent."""
