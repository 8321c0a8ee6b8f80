"""onnxruntime leaves nothing behind in a user's folders."""

import os
import subprocess
import sys
from pathlib import Path

from verif.commands.folders import ROOT

LOADS = "from model.graph.importing.network import load_network; load_network('fashion_resnet8')"


def test_no_telemetry_is_kept(tmp_path: Path) -> None:
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")
    folders = {name: str(tmp_path / name) for name in names}
    for folder in folders.values():
        Path(folder).mkdir()
    kept = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", LOADS], cwd=ROOT, env=kept | folders, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
