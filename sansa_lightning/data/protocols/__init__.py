"""Protocols, which decide which classes train and which test; imports sources."""
