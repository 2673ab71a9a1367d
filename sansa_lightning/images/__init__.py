"""Reading pictures and masks: orientation, sizes, the meaning of mask values; imports files."""
