"""python -m sansa_lightning."""

from sansa_lightning.interrupts import interruptible

AGAIN = "run the same command again"


def nothing() -> None:
    """Nothing is held yet."""


@interruptible(lambda name: f"interrupted by {name}: {AGAIN}", nothing)
def main(args: None = None) -> None:
    """The command line of this process; what takes seconds to import comes after it has learnt to be interrupted."""
    from sansa_lightning.cli import main as command_line

    command_line(args)


if __name__ == "__main__":
    main()
