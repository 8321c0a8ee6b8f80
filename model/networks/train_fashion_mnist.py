"""Train a committed Fashion-MNIST network and write its ONNX and image files.

This script is the only place that needs torch. It is not part of the run-time
requirements; to repeat the training::

    apt-get install dataset-fashion-mnist
    pip install torch==2.13.0 onnx==1.23.2
    python -m model.networks.train_fashion_mnist fashion_resnet8
    python -m model.networks.train_fashion_mnist fashion_vgg

``fashion_resnet8`` is a ResNet-8 in the manner of the CIFAR ResNets: a 3x3 stem, three
residual stages of 16, 32 and 64 channels (the last two with stride 2 and a 1x1
convolution on the shortcut), global average pooling and one fully connected layer.
``fashion_vgg`` is a small network in the manner of VGG: three stages of two 3x3
convolutions with BatchNormalization, each stage followed by 2x2 max pooling, and two fully
connected layers. BatchNormalization is exported as trained; folding it is the importer's job.

Written beside this file: the network's ONNX file, and for both networks the same
``fashion_mnist_test.npz`` (the first 1,000 test images with labels) and
``fashion_mnist_calibration.npz`` (128 training images). Images are float32 NCHW in [0, 1].
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..graph.fashion_mnist import read_split

HERE = Path(__file__).parent


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is 1x1 where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels_out, 1, stride, bias=False),
                nn.BatchNorm2d(channels_out),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map NCHW to NCHW."""
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet8(nn.Module):
    """Stem, three residual blocks, global average pooling, ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.block1 = ResidualBlock(16, 16, 1)
        self.block2 = ResidualBlock(16, 32, 2)
        self.block3 = ResidualBlock(32, 64, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (N, 1, 28, 28) to logits (N, 10)."""
        x = functional.relu(self.norm(self.stem(x)))
        x = self.block3(self.block2(self.block1(x)))
        return self.classifier(torch.flatten(self.pool(x), 1))


class VggStage(nn.Module):
    """Two 3x3 convolutions and 2x2 max pooling."""

    def __init__(self, channels_in: int, channels_between: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_between, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_between)
        self.conv2 = nn.Conv2d(channels_between, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map NCHW to NCHW of half the height and width, rounded down."""
        x = functional.relu(self.norm1(self.conv1(x)))
        return self.pool(functional.relu(self.norm2(self.conv2(x))))


class Vgg(nn.Module):
    """Three stages, a hidden layer, ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = VggStage(1, 16, 32)
        self.stage2 = VggStage(32, 32, 64)
        self.stage3 = VggStage(64, 64, 96)
        self.hidden = nn.Linear(96 * 3 * 3, 64)
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images (N, 1, 28, 28) to logits (N, 10)."""
        x = torch.flatten(self.stage3(self.stage2(self.stage1(x))), 1)
        return self.classifier(functional.relu(self.hidden(x)))


ARCHITECTURES = {"fashion_resnet8": ResNet8, "fashion_vgg": Vgg}
"""What can be trained, by the name of its ONNX file."""


def load(split: Literal["train", "t10k"]) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 1, 28, 28) float32 in [0, 1] and labels (N,) int64."""
    data = read_split(split)
    return torch.from_numpy(data.images), torch.from_numpy(data.labels)


def augment(x: torch.Tensor) -> torch.Tensor:
    """Shift a batch by up to two pixels, and mirror each image with probability 1/2."""
    dy, dx = torch.randint(0, 5, (2,)).tolist()
    x = functional.pad(x, (2, 2, 2, 2))[:, :, dy : dy + 28, dx : dx + 28]
    mirrored = torch.rand(len(x)) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(3), x)


def accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Top-1 accuracy in [0, 1]."""
    network.eval()
    with torch.no_grad():
        hits = [
            (network(x).argmax(1) == y).sum().item()
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        ]
    return sum(hits) / len(labels)


def train(architecture: str, epochs: int, seed: int) -> nn.Module:
    """Train with one learning-rate cycle and report the test accuracy of every epoch."""
    torch.manual_seed(seed)
    images, labels = load("train")
    test_images, test_labels = load("t10k")
    network = ARCHITECTURES[architecture]().to(memory_format=torch.channels_last)
    batch = 128
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=epochs * (len(labels) // batch), pct_start=0.25
    )
    for epoch in range(epochs):
        started = time.monotonic()
        network.train()
        for index in torch.randperm(len(labels)).split(batch)[: len(labels) // batch]:
            loss = functional.cross_entropy(network(augment(images[index])), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        top1 = accuracy(network, test_images, test_labels)
        seconds = time.monotonic() - started
        print(f"epoch {epoch + 1}/{epochs}: test top-1 {top1:.4f}, {seconds:.0f} s", flush=True)
    return network


def export(network: nn.Module, path: Path) -> None:
    """Write the ONNX file, with BatchNormalization left in place."""
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, 28, 28),),
        str(path),
        input_names=["images"],
        output_names=["logits"],
        dynamic_axes={"images": {0: "N"}, "logits": {0: "N"}},
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        opset_version=17,
        dynamo=False,
    )


def write_images(folder: Path) -> None:
    """Write the image files that serve every Fashion-MNIST network."""
    images, labels = load("t10k")
    np.savez_compressed(
        folder / "fashion_mnist_test.npz",
        images=images[:1000].numpy(),
        labels=labels[:1000].numpy(),
    )
    calibration, _ = load("train")
    np.savez_compressed(folder / "fashion_mnist_calibration.npz", images=calibration[:128].numpy())


def main() -> None:
    """Command line: train, then export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architecture", choices=ARCHITECTURES, help="what to train")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=HERE, help="where the files go")
    arguments = parser.parse_args()
    network = train(arguments.architecture, arguments.epochs, arguments.seed)
    export(network, arguments.folder / f"{arguments.architecture}.onnx")
    write_images(arguments.folder)


if __name__ == "__main__":
    main()
