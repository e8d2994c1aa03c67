"""Two runs held against each other: what differs, in words, as JSON and on a page."""
