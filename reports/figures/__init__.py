"""Figures and tables computed from a run."""
