"""Run folders and recorded files to tables, beside the paper's numbers; may import ``runs`` but nothing of torch."""
