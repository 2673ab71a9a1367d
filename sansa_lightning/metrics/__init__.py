"""What is counted of predictions, and the scores that come of it; imports clips and images."""
