"""What is in the features; imports data, methods and callbacks."""
