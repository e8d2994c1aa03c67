"""How work is executed, and where finished work is kept."""
