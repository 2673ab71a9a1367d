"""Methods, which turn clips into masks: memories written and read, masks chosen; imports strategies and trackers."""
