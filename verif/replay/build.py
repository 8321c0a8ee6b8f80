"""The engine that a replay simulates: its parameters, and the least that holds a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from model import ACCUMULATORS, accumulator_width
from model.arithmetic.accumulator import start_integer
from model.quantization.gemm_layer import GemmLayer
from verif.replay.legal import LEGAL


@dataclass(frozen=True)
class Build:
    """Parameters of the engine that is simulated."""

    rows: int = 16
    cols: int = 16
    exp_max: int = 5
    k_max: int = 8192
    accumulator: str = "exact"

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameters by name."""
        numbers = asdict(self) | {"accumulator": ACCUMULATORS.index(self.accumulator)}
        return {name.upper(): value for name, value in numbers.items()}

    @property
    def shape(self) -> tuple[int, int]:
        """ROWS and COLS."""
        return self.rows, self.cols

    @property
    def width(self) -> int:
        """Bits of an exact accumulator."""
        return accumulator_width(self.exp_max, self.k_max)


def least_build(
    build: Build,
    layers: Iterable[GemmLayer],
    longest: int,
    exp_max: int | None = None,
    k_max: int | None = None,
) -> Build:
    """Return the least engine that holds the formats, sums and start values of a network.

    Parameters
    ----------
    build
        Its other parameters.
    layers
        Of the network.
    longest
        Products in the longest sum of a tile; K_MAX is the next power of two, or a larger one
        where no EXP_MAX alone makes the accumulator wide enough for a start value.
    exp_max, k_max
        Given from outside, to be taken if they hold the network.

    Raises
    ------
    ValueError
        If no engine holds it, or not the one that is given, naming what is too large.
    """
    layers = list(layers)
    if k_max is not None and k_max < longest:
        raise ValueError(f"K_MAX={k_max}: the longest sum has {longest:,} products")
    shallowest, deepest = (longest - 1).bit_length(), (LEGAL["k_max"][1] - 1).bit_length()
    depths = [k_max] if k_max else [1 << bits for bits in range(shallowest, deepest + 1)]
    exponent, widest = max((_widest_format(layer) for layer in layers), default=(1, ""))
    least, greatest = LEGAL["exp_max"]
    if exp_max is not None and exp_max < exponent:
        raise ValueError(f"EXP_MAX={exp_max}: {widest} has {exponent} exponent bits")
    needed, largest = 0, ""
    if build.accumulator == "exact":
        needed, largest = max((_widest_start(layer) for layer in layers), default=(0, ""))
    widest_exp_max = exp_max or greatest
    builds = [
        replace(build, exp_max=candidate, k_max=depth)
        for candidate in range(exp_max or max(exponent, least), widest_exp_max + 1)
        for depth in depths
        if depth == depths[0] or candidate == widest_exp_max
    ]
    for fitting in builds:
        if needed < fitting.width:
            return fitting
    given = f"EXP_MAX={exp_max}" if exp_max else f"EXP_MAX {greatest}"
    raise ValueError(
        f"{given}: {largest} takes {needed} bits, and the accumulator of {fitting.width} bits holds"
        f" start values of {fitting.width - 1}"
    )


def _widest_format(layer: GemmLayer) -> tuple[int, str]:
    """Return the most exponent bits of a layer's formats, and whose they are."""
    formats = {"a": layer.fmt_a, "w": layer.fmt_w, "y": layer.fmt_y}
    return max(
        (fmt.exponent, f"format {fmt} of {name} of layer '{layer.name}'")
        for name, fmt in formats.items()
        if fmt is not None
    )


def _widest_start(layer: GemmLayer) -> tuple[int, str]:
    """Return the bits, with a sign, of a layer's largest start value, and which that is."""
    grids = [layer.fmt_a.unit_exponent + fmt.unit_exponent for fmt in layer.fmts_w]
    integers = start_integer(layer.start, grids).tolist()
    bits = [(one if one >= 0 else ~one).bit_length() + 1 for one in integers]
    column = bits.index(max(bits))
    return bits[column], f"start value {layer.start[column]:g} of layer '{layer.name}'"
