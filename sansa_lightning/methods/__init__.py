"""How a clip becomes masks."""
