"""Adapters of this project's designs; `adapter_of` finds the one of a top module."""

from __future__ import annotations

from typing import Any

import numpy as np

from verif.adapters.array import ArrayAdapter
from verif.adapters.engine import EngineAdapter
from verif.adapters.unit import UnitAdapter
from verif.environment.adapter import Adapter

ADAPTERS = {"ffp8_array": ArrayAdapter, "ffp8_engine": EngineAdapter, "ffp8_unit": UnitAdapter}


def adapter_of(dut: Any, random: np.random.Generator) -> Adapter:
    """Return the adapter of a design, by the name of its top module."""
    return ADAPTERS[dut._name](dut, random)
