"""Which classes train and which test; imports sources."""
