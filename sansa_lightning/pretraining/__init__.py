"""How nano was trained as a tracker; imports callbacks and below."""
