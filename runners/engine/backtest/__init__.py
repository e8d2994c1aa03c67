"""Backtests in Backtrader: the reference execution."""
