"""The pattern world: a procedural benchmark and tracking clips, equal to the bit on every machine.

One file for each kind of shape or texture, hence more than twelve.
"""
