"""What commands share: the tables and lines that they print."""
