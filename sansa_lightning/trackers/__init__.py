"""Trackers, which segment and track, behind one contract; the only room that imports sam2. Imports clips and files."""
