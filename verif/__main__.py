"""The front door of all commands: ``python -m verif COMMAND``, which is what `make COMMAND` runs.

The command's own module is imported only after its folder is taken and its summary marked.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "accuracy": "verif.accuracy.__main__",
    "bench": "verif.bench",
    "checks": "verif.checks.__main__",
    "code-coverage": "verif.code_coverage.__main__",
    "cover": "verif.coverage.cover",
    "cover-compare": "verif.coverage.compare",
    "judges": "verif.regression.__main__",
    "layers": "verif.replay.layers",
    "light": "verif.regression.__main__",
    "lint": "verif.lint",
    "malformed": "verif.regression.__main__",
    "mutate": "verif.mutation.command",
    "plan": "verif.testplan.__main__",
    "replay": "verif.replay.__main__",
    "runs": "verif.regression.__main__",
    "sim": "verif.regression.__main__",
    "soak": "verif.regression.__main__",
    "test": "verif.regression.__main__",
    "vectors": "verif.vectors.__main__",
}
"""The module with the `main` of each command."""


def main() -> int:
    """Run the command that the first word names, with the other words, and return its status."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is begun: no traceback of imports
    from verif.commands.interrupts import blocked
    from verif.commands.running import REFUSED, run_command

    name, *words = sys.argv[1:] or [""]
    if name not in COMMANDS:
        print(f"verif: '{name}' is no command, choose {', '.join(COMMANDS)}", file=sys.stderr)
        return REFUSED
    module = COMMANDS[name]
    sys.argv = [name, name, *words] if module == "verif.regression.__main__" else [name, *words]

    def load_and_run(arguments: Sequence[str] | None) -> int:
        with blocked():  # some packages print what they are interrupted by while they load
            loaded = import_module(module)
        return loaded.main(arguments)

    return run_command(name, load_and_run)


if __name__ == "__main__":
    sys.exit(main())
