"""The pattern world: a procedural benchmark and tracking clips, equal to the bit on every machine."""
