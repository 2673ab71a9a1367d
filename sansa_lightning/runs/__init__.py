"""What a run leaves behind, as types with read and write; only ``record`` may import Lightning and models."""
