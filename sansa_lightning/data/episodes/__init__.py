"""From an index to an episode and its clip, with the additions of a test; imports protocols and sources."""
