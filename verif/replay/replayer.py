"""Puts the simulated engine in the place of a network's layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from model.quantization.gemm_layer import GemmLayer
from verif.commands.messages import one_line
from verif.engine.tile import Configuration
from verif.replay.layer_runner import Build, LayerRunner, MismatchError
from verif.replay.plan import groups_together
from verif.replay.product import Product
from verif.replay.statistics import Statistics


class LayerMismatchError(Exception):
    """A mismatch, with the layer it happened in and what the model computed there."""

    def __init__(self, layer: GemmLayer, product: Product, mismatch: MismatchError) -> None:
        super().__init__(f"layer {layer.name}: {mismatch}")
        self.layer, self.product, self.mismatch = layer, product, mismatch


def layer_product(layer: GemmLayer, a_codes: np.ndarray, build: Build) -> Product:
    """Lay out a layer for the engine, with the model's answer to activations (M, groups * K)."""
    configuration = Configuration(
        layer.fmt_a, layer.fmt_w, layer.fmt_y, layer.rounding, layer.clamp
    )
    operands = (a_codes, layer.w_codes, layer.start, layer.biases_w)
    answer = layer.compute(a_codes, build.accumulator)
    together = groups_together(layer.group_width, layer.k, build)
    return Product(configuration, *operands, *answer, together)


class MacRate(ProgressColumn):
    """Simulated MACs per second so far."""

    def render(self, task) -> Text:
        """Draw the column."""
        rate = task.completed / task.elapsed if task.elapsed else 0
        return Text(f"{rate / 1000:.0f} kMAC/s", style="progress.data.speed")


@dataclass
class Replayer:
    """Computes layers on the RTL in place of the model, and keeps account.

    Attributes
    ----------
    runner
        The compiled engine.
    names
        Layers to simulate; the model computes the others.
    progress, task
        Where MACs done are reported.
    statistics
        Of each simulated layer, by name, in the order of the network.
    """

    runner: LayerRunner
    names: list[str]
    progress: Progress
    task: int
    statistics: dict[str, Statistics] = field(default_factory=dict)
    done: float = 0.0

    def __call__(self, layer: GemmLayer, a_codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a layer's results and flags, (M, N), by the RTL."""
        if layer.name not in self.names:
            return layer.compute(a_codes, self.runner.build.accumulator)
        self.progress.update(self.task, description=one_line(layer.name))
        product = layer_product(layer, a_codes, self.runner.build)
        macs = len(a_codes) * layer.k * layer.n
        tiles = len(product.tiles(*self.runner.build.shape))

        def report(tiles_done: int) -> None:
            self.progress.update(self.task, completed=self.done + macs * tiles_done / tiles)

        try:
            results, flags, statistics = self.runner.run(layer.name, product, report)
        except MismatchError as mismatch:
            raise LayerMismatchError(layer, product, mismatch) from None
        self.done += macs
        self.statistics.setdefault(layer.name, Statistics()).add(statistics)
        return results, flags
