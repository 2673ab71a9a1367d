"""How datasets are written on disk, each way read once; imports pictures and messages, and no source."""
