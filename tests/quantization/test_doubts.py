"""Warnings about calibrations that say little, and none about those that do."""

from __future__ import annotations

import numpy as np
import pytest

from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.quantization.calibration import calibrate
from model.quantization.doubts import calibration_doubts, range_doubts

NETWORK = load_network("fashion_resnet8")
IMAGES = read_images("fashion_mnist_calibration", NETWORK).images[:8]


def doubts(images: np.ndarray) -> list[str]:
    return calibration_doubts(images, calibrate(NETWORK, images))


def test_real_images_are_not_doubted() -> None:
    assert doubts(IMAGES) == []
    assert range_doubts(read_images("fashion_mnist_test", NETWORK).images, IMAGES) == []


def test_few_images_are_counted() -> None:
    (doubt,) = doubts(IMAGES[:7])
    assert doubt.startswith("7 calibration image(s): formats fit these alone")


def test_equal_images_are_one() -> None:
    (doubt,) = doubts(np.repeat(IMAGES[:1], 8, axis=0))
    assert doubt == "all 8 calibration images are equal: they count as one"


def test_a_black_image_is_counted() -> None:
    (doubt,) = doubts(np.concatenate([IMAGES, IMAGES[:1] * 0]))
    assert doubt.startswith("1 of 9 calibration image(s) hold a single value each")


def test_tensors_of_zeros_are_named() -> None:
    found = doubts(IMAGES * 0)
    assert [doubt.split(" ")[0] for doubt in found] == ["all", "8", "tensor"]
    assert f"tensor '{NETWORK.input}' held nothing but zeros" in found[-1]


@pytest.mark.parametrize(("factor", "doubted"), [(1, 0), (1.9, 0), (2.1, 1), (255, 1), (-1, 1)])
def test_data_far_outside_is_told_with_both_ranges(factor: float, doubted: int) -> None:
    found = range_doubts(IMAGES * np.float32(factor), IMAGES)
    assert len(found) == doubted
    if doubted:
        assert "those of the calibration from 0 to 1: what is outside saturates" in found[0]
