"""Simulated markets: a factor model and the simulator that draws from it."""
