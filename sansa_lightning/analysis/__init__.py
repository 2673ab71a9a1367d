"""What is in the features and behind the scores; reads everything else, and nothing reads it."""
