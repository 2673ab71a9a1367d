"""What trains on a base, and where."""
