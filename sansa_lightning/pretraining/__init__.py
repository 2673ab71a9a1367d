"""How nano's weights are made: a small SAM2 learns content, then to track, on procedural clips without classes."""
