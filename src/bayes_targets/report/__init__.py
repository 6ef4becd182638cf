"""A result becomes a page, LaTeX, files."""
