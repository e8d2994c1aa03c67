"""Options, console and tables of the commands."""
