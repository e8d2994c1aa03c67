"""Rendering of pages: templates, numbers, sparklines and charts."""
