"""How a clip becomes masks: what is remembered and read, which mask is taken; imports strategies and trackers."""
