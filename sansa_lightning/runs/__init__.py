"""What a run leaves behind, its folder, and how it ends; imports checkpoints, data and metrics."""
