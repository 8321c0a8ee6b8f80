"""Computes a network by the model, and a sample of the tiles of some layers on the RTL as well."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from model.quantization.gemm_layer import GemmLayer
from verif.replay.bus_runner import BusRunner, layer_product


@dataclass
class SampledLayers:
    """Takes the place of `GemmLayer.multiply`.

    Attributes
    ----------
    runner
        The compiled engine.
    layers
        Names of the layers whose tiles are simulated.
    tiles
        How many of each.
    random
        What chooses them.
    outputs
        How many outputs of each layer were compared, none of which differed.
    """

    runner: BusRunner
    layers: set[str]
    tiles: int
    random: np.random.Generator
    outputs: Counter[str] = field(default_factory=Counter)

    def __call__(self, layer: GemmLayer, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the model's results and flags, (M, N); raise MismatchError if the RTL differs."""
        build = self.runner.build
        if layer.name not in self.layers:
            return layer.multiply(codes, build.accumulator)
        product = layer_product(layer, layer.im2col(codes), build)
        places = product.tiles(*build.shape)
        chosen = self.random.choice(len(places), min(self.tiles, len(places)), replace=False)
        for index in chosen:
            tile = product.alone(places[index], build.shape)
            results, flags, statistics = self.runner.run(tile)
            np.testing.assert_array_equal(results, tile.expected)
            np.testing.assert_array_equal(flags, tile.flags)
            assert statistics.outputs == tile.expected.size
            self.outputs[layer.name] += statistics.outputs
        return product.expected, product.flags
