"""Grouped layers in the engine: what a tile holds, what is counted, where a mismatch is."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from model import Format
from model.graph.network import Window
from model.quantization.gemm_layer import GemmLayer
from tests.graph.mixed_networks import mixed_network, odd_groups_network, write_images
from tests.graph.tiny_networks import normal
from tests.replay.replaying import answer_by_groups, call_replay, change_weight_on_its_way
from verif.engine.tile import Configuration
from verif.replay import __main__ as replay
from verif.replay.build import Build
from verif.replay.bus_runner import BusRunner, layer_product
from verif.replay.product import Product
from verif.replay.product_file import load_product, save_product


def grouped_product(
    rng: np.random.Generator, groups: int, width: int, together: int, m: int = 7, k: int = 5
) -> Product:
    """Make a product with random operands, many of them zero."""
    fmt_a, fmt_w = Format.parse("s0e3f5b6"), Format.parse("s1e3f4b0")
    n = groups * width
    shape = m, groups * k
    empty = np.zeros((m, n), np.uint8)
    product = Product(
        Configuration(fmt_a, fmt_w, Format.parse("s1e3f4b3")),
        rng.integers(0, 256, shape, np.uint8) * rng.integers(0, 2, shape, np.uint8),
        rng.integers(0, 256, (k, n), np.uint8) * rng.integers(0, 2, (k, n), np.uint8),
        rng.standard_normal(n).astype(np.float32),
        rng.integers(3, 6, n),
        empty,
        empty,
        together,
    )
    expected, flags = answer_by_groups(product)
    return replace(product, expected=expected, flags=flags)


SIZES = [(1, 9, 1), (2, 3, 1), (3, 6, 1), (6, 1, 4), (7, 2, 2), (5, 1, 9)]


@pytest.mark.parametrize(("groups", "width", "together"), SIZES)
def test_tiles_of_groups_compute_every_output_once(rng, groups, width, together):
    shape = 3, 4
    product = grouped_product(rng, groups, width, together)
    assert product.groups == groups
    seen = np.zeros(product.expected.shape, int)
    for first in product.tiles(*shape):
        where = product.part(first, shape)
        codes, flags = product.tile(first, shape).expected(width=68)
        height, columns = product.expected[where].shape
        assert (codes[:height, :columns] == product.expected[where]).all()
        assert (flags[:height, :columns] == product.flags[where]).all()
        seen[where] += 1
    assert (seen == 1).all()


def test_groups_share_tiles_as_the_array_and_its_longest_sum_allow(rng):
    layer = GemmLayer(
        name="depthwise",
        inputs=("x",),
        output="y",
        input_shape=(20, 4, 4),
        output_shape=(20, 2, 2),
        operator="Conv",
        window=Window((3, 3)),
        fmt_a=Format.parse("s0e3f5b6"),
        fmt_w=Format.parse("s1e3f4b0"),
        biases_w=np.full(20, 4),
        w_codes=rng.integers(0, 256, (9, 20), np.uint8),
        start=np.zeros(20, np.float32),
        fmt_y=Format.parse("s1e3f4b3"),
        groups=20,
    )
    a_codes = layer.im2col(rng.integers(0, 256, (1, 20, 4, 4), np.uint8))

    def longest_sums(cols: int, k_max: int) -> list[int]:
        product = layer_product(layer, a_codes, Build(rows=4, cols=cols, k_max=k_max))
        assert (product.expected == answer_by_groups(product)[0]).all()
        return [product.tile(first, (4, cols)).k for first in product.tiles(4, cols)]

    assert longest_sums(16, 8192) == [16 * 9, 4 * 9]
    assert longest_sums(8, 8192) == [8 * 9, 8 * 9, 4 * 9]
    assert longest_sums(16, 64) == [7 * 9, 7 * 9, 6 * 9]
    assert longest_sums(16, 9) == [9] * 20


def test_a_grouped_product_survives_its_file(rng, tmp_path):
    product = grouped_product(rng, 6, 1, 4)
    save_product(product, tmp_path / "product.npz")
    read, _ = load_product(tmp_path / "product.npz")
    assert read.tiles(3, 4) == product.tiles(3, 4)
    for first in product.tiles(3, 4):
        read_tile, tile = read.tile(first, (3, 4)), product.tile(first, (3, 4))
        assert (read_tile.a_codes == tile.a_codes).all()
        assert (read_tile.w_codes == tile.w_codes).all()


@pytest.mark.sim
def test_zeros_between_groups_are_not_counted(rng, tmp_path):
    product = grouped_product(rng, 6, 1, 4)
    fmt_a, fmt_w = product.configuration.fmt_a, product.configuration.fmt_w
    a_live = (fmt_a.integers(product.a_codes) != 0).reshape(-1, product.groups, product.k)
    w_live = (fmt_w.integers(product.w_codes) != 0).T
    live = int((a_live & w_live).sum())
    macs = 7 * 6 * 5
    assert 0 < live < macs
    build = Build(rows=4, cols=4)
    runner = BusRunner(build, tmp_path)
    try:
        results, flags, statistics = runner.run(product)
    finally:
        runner.close()
    assert (results == product.expected).all()
    assert (flags == product.flags).all()
    assert statistics.tiles == 4
    assert statistics.macs == macs
    assert statistics.busy == 2 * (4 * 5 + 2 * 5)
    assert statistics.zero_gated == pytest.approx(1 - live / macs)
    assert statistics.utilisation(16) == pytest.approx(macs / 16 / statistics.cycles)


@pytest.mark.sim
def test_a_mismatch_in_a_grouped_layer_is_found_and_reproduced(tmp_path, monkeypatch, capsys, seed):
    folder = tmp_path / "replay"
    monkeypatch.setattr(replay, "FOLDER", folder)
    run = partial(call_replay, folder, capsys)
    model = odd_groups_network(tmp_path / "odd.onnx", seed)
    images = write_images(tmp_path / "images.npz", seed)
    changes = change_weight_on_its_way(monkeypatch, first_column=5)
    files = ("--model", model, "--data", images, "--calibration", images)
    array = ("--rows", 4, "--cols", 4, "--jobs", 1)
    status, summary, output = run(*files, *array, "--images", 2, "--layers", "node_c1")
    (change,) = changes
    assert status == 1, output
    assert summary["totals"]["mismatches"] == 1
    assert change.n >= 5
    image, pixel = divmod(change.m, 30)
    assert (
        f"MISMATCH in layer node_c1, image {image}, channel {change.n}, y {pixel // 5}, "
        f"x {pixel % 5} (row {change.m}, column {change.n} of the product)"
    ) in output
    assert re.search(r"K = \d+ \(.* outputs; sums of 9, zeros between\)", output)
    assert f"w_codes[{change.k}, {change.column}] of the tile" in output
    command = re.search(r"make replay TILE=(\S+)", output)
    status, _, output = run("--tile", command[1])
    assert status == 1
    assert f"MISMATCH at row {change.row}, column {change.column} of the tile" in output


@pytest.mark.sim
def test_a_mismatch_in_a_product_of_activations_is_found_and_reproduced(
    tmp_path, monkeypatch, capsys, seed
):
    folder = tmp_path / "replay"
    monkeypatch.setattr(replay, "FOLDER", folder)
    run = partial(call_replay, folder, capsys)
    model = mixed_network(tmp_path / "attentive.onnx", "attentive", seed % 1000)
    images = tmp_path / "images.npz"
    np.savez(images, images=normal(seed, 8, 2, 8, 9, scale=1.0))
    changes = change_weight_on_its_way(monkeypatch, first_column=17)
    files = ("--model", model, "--data", images, "--calibration", images)
    array = ("--rows", 4, "--cols", 4, "--jobs", 1)
    status, summary, output = run(*files, *array, "--images", 2, "--layers", "node_s1")
    (change,) = changes
    assert status == 1, output
    assert summary["totals"]["mismatches"] == 1
    group, column = divmod(change.n, 16)  # 16 x 4 by 4 x 16 for each of 2 images of 2 heads
    image, head = divmod(group, 2)
    assert (
        f"MISMATCH in layer node_s1, image {image}, matrix ({head},), row {change.m}, "
        f"column {column} (row {change.m}, column {change.n} of the product)"
    ) in output
    assert f"w_codes[{change.k}, {change.column}] of the tile" in output
    command = re.search(r"make replay TILE=(\S+)", output)
    status, _, output = run("--tile", command[1])
    assert status == 1
    assert f"MISMATCH at row {change.row}, column {change.column} of the tile" in output
