"""Figures: the pictures that the project draws of episodes; imports metrics and clips."""
