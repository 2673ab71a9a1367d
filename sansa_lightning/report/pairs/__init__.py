"""Two runs on the same episodes: what differs, and how certain that is."""
