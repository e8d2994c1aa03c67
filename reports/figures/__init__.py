"""Figures and tables computed from the records of a run."""
