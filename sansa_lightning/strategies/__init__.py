"""What trains on a tracker, and where; imports trackers. A file a strategy, and so more than twelve."""
