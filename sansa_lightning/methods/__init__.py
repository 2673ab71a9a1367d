"""Methods, which turn clips into masks; one file for each, hence more than twelve. Imports encoders and strategies."""
