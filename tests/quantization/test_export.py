"""What is exported is the same bytes in every process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from verif.commands.folders import ROOT

EXPORTS = """
import sys
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.quantization.export import export_network
from model.quantization.steps import quantize_network
network = load_network("fashion_resnet8")
images = read_images("fashion_mnist_calibration", network).images[:8]
export_network(quantize_network(network, images), sys.argv[1])
"""


def test_an_export_depends_on_no_hash_seed_and_no_number_of_threads(tmp_path: Path) -> None:
    digests = set()
    for seed, threads in (("1", "1"), ("2", "2")):
        path = tmp_path / f"{seed}.npz"
        variables = {"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", EXPORTS, str(path)]
        subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=True)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1
