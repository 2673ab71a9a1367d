"""The pattern world: a procedural benchmark and tracking clips, equal to the bit on every machine.

A file a kind of shape or texture, and so more than twelve.
"""
