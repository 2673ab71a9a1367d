"""The files, the folder and the end of a run; imports checkpoints, data and metrics."""
