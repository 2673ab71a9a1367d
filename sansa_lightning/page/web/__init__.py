"""The page in a browser, of Gradio's parts: the only room that imports Gradio, which is an optional extra."""
