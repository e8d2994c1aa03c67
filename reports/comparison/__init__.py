"""Comparison of runs: their differences as text, JSON and page."""
