"""Mutation campaign: ``python -m verif.mutation --help``."""

import signal
import sys

if __name__ == "__main__":
    from verif.mutation.command import main

    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has had one ignored
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
