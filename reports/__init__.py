"""What comes out: pages, tables and figures, made from arrays; nothing is run here."""
