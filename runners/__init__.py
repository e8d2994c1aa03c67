"""How it is run: the commands, thin, and the engine below them."""
