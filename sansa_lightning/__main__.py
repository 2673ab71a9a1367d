"""python -m sansa_lightning."""

from sansa_lightning.interrupts import interruptible


@interruptible()
def main(args: None = None) -> None:
    """The command line of this process; what takes seconds to import comes after it has learnt to be interrupted."""
    from sansa_lightning.cli import main as command_line

    command_line(args)


if __name__ == "__main__":
    main()
