"""From an index to an episode and to its clip, with what a test wants beside it; imports protocols and sources."""
