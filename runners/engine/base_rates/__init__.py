"""Base rates: the general form of a reading, run after every comparable shock."""
