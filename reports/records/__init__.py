"""What a run hands over to pages and files: data only."""
