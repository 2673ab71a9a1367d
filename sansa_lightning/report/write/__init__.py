"""The formats of a report: HTML, Markdown, LaTeX and CSV, from one description of its contents."""
