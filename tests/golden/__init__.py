"""Reports of hand-made recordings."""
