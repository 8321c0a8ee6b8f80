"""Scaling and cropping of packaged images."""

from pathlib import Path

import numpy as np
import pytest

from model.graph.packaged import images as packaged_images


@pytest.mark.parametrize(
    "size, expected",
    [((512, 512), (256, 256)), ((1024, 683), (384, 256)), ((300, 451), (256, 385))],
)
def test_shorter_side_is_scaled(size, expected):
    assert packaged_images.scaled_size(size, 256) == expected


def test_centre_box_is_in_the_middle():
    assert packaged_images.centre_box((256, 256), 224) == (16, 16, 240, 240)
    assert packaged_images.centre_box((384, 257), 224) == (80, 16, 304, 240)


@pytest.mark.parametrize("size", [(640, 427), (300, 451), (40, 400)])
def test_random_boxes_lie_inside_and_differ(size, seed):
    random = np.random.default_rng(seed)
    boxes = [packaged_images.random_box(random, size) for _ in range(200)]
    assert len(set(boxes)) > 100
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        width, height = right - left, bottom - top
        if width < size[0] and height < size[1]:
            assert 0.74 < width / height < 1.35
            assert width * height > 0.245 * size[0] * size[1]


def test_label_is_the_end_of_the_name():
    assert packaged_images.label(Path("a_7/imagenet_00_243.jpg")) == 243
