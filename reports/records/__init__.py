"""Results of runs as data: what pages and files are made from."""
