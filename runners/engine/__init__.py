"""Machinery behind the commands: backtests and what they are compared with."""
