"""The command ``analyze``: an analysis of a configured model on its configured data; imports the rest of ``cli``."""
