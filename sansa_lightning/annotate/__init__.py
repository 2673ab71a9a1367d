"""References applied to pictures of one's own; imports the model, checkpoints and images."""
