"""Getting a benchmark's data onto the disk, and checking what is there."""
