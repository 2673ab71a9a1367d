"""SAM 3's tracker as a tracker, through the transformers library, which is imported only to build it."""
