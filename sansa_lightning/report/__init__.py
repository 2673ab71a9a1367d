"""What a report sets beside our own scores."""
