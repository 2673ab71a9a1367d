"""What segments and tracks, behind one contract; the only room that imports sam2. Imports clips and files."""
