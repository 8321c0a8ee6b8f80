"""The loop of the registers with an engine that never finds a tile too long: bins stay open."""

from verif.coverage.registers.alone import Alone
from verif.coverage.registers.bench import close_registers

__all__ = ["close_registers"]

_drive = Alone._drive


def _never_too_long(self, values):
    _drive(self, {**values, "errors_set": values.get("errors_set", 0) & 7})


Alone._drive = _never_too_long
