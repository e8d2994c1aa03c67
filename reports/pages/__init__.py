"""Pages as HTML, one module per page."""
