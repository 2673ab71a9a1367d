"""The only place that imports the sam2 package."""
