"""Layers laid out for an array of 4 x 6, jobs of them, and what an engine makes of one."""

from __future__ import annotations

import numpy as np

from model import Format
from model.graph.network import Window
from model.quantization.gemm_layer import GemmLayer
from verif.replay.build import Build
from verif.replay.job import LayerJobs
from verif.replay.layout import Layout
from verif.replay.mapping import Geometry, Mapping
from verif.replay.player import Played

BUILD = Build(rows=4, cols=6, exp_max=3, k_max=512)


def convolution(rng: np.random.Generator, groups: int, raw: bool = False) -> GemmLayer:
    """Make a layer of 6 x 7 images with random codes, many of them zero."""
    window, channels, filters = Window((3, 2), (1, 2), (1, 0, 1, 1), (1, 1)), 2, 3
    n = groups * filters
    return GemmLayer(
        name="layer",
        inputs=("x",),
        output="y",
        input_shape=(groups * channels, 6, 7),
        output_shape=(n, *window.output_size(6, 7)),
        operator="Conv",
        window=window,
        fmt_a=Format.parse("s1e3f4b5"),
        fmt_w=Format.parse("s1e2f5b0"),
        biases_w=rng.integers(2, 6, n),
        w_codes=rng.integers(0, 256, (channels * 6, n), np.uint8),
        start=rng.standard_normal(n).astype(np.float32),
        fmt_y=None if raw else Format.parse("s1e3f4b4"),
        rounding="rne" if raw else "rmm",
        groups=groups,
    )


def activations(rng: np.random.Generator, layer: GemmLayer, images: int) -> np.ndarray:
    """Make random codes of images, half of them zero."""
    shape = images, *layer.input_shape
    return rng.integers(0, 256, shape, np.uint8) * rng.integers(0, 2, shape, np.uint8)


def laid_out(layer: GemmLayer, codes: np.ndarray, mapping: Mapping, build: Build) -> LayerJobs:
    """Lay a layer out."""
    geometry = Geometry.of_layer(layer, len(codes))
    return LayerJobs(layer, codes, Layout(geometry, mapping, *build.shape))


def good_end() -> Played:
    """Return what an engine made of one tile of 2 x 3 outputs."""
    flags = np.zeros((1, 2, 3), np.uint8)
    flags[0, 1, 2] = 5
    registers = {"TILES_DONE": 1, "ERRORS": 0, "FLAGS": 5, "busy": 7}
    return Played(np.ones((1, 2, 3), np.uint8), flags, registers, 0, 2, 0, 0.5)
