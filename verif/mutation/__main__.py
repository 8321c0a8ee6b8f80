"""Mutation campaign: ``python -m verif.mutation --help``."""

import signal
import sys
from types import FrameType

SIGNALS = signal.SIGINT, signal.SIGTERM


def interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt the campaign; what comes while it ends in good order changes nothing."""
    for one in SIGNALS:
        signal.signal(one, pass_over)
    raise KeyboardInterrupt


def pass_over(number: int, frame: FrameType | None) -> None:
    """Do nothing: unlike SIG_IGN, right for a signal that has arrived and waits to be handled."""


if __name__ == "__main__":
    from verif.mutation.command import main

    for number in SIGNALS:  # also where a shell has had one ignored
        signal.signal(number, interrupt)
    sys.exit(main())
