"""python -m sansa_lightning."""

from sansa_lightning.cli import main

if __name__ == "__main__":
    main()
