"""Every picture that the project draws of episodes; imports metrics and clips."""
