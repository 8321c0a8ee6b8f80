"""The mathematics of FFP8: formats and their codec, exact arithmetic, quantized networks.

In the project this package is ``model``; ``pip install .`` installs it as ``ffp8``. What `__all__`
names needs numpy alone. The following are the steps from an ONNX file to a network on codes; they
are imported when they are first used, and need what ``ffp8[networks]`` brings:

`load_network`, `read_images`
    Import an ONNX file; read images and labels from an .npz file.
`FloatNetwork`
    The network in float32, what a quantized one is compared with.
`calibrate`, `choose_formats`, `quantize_network`
    Observe tensors on images; choose a format for each; or all in one, with the weights' codes.
    What `quantize_network` returns runs: ``answers = quantized.run(images)``.
`read_selection`, `write_selection`, `export_network`, `export_onnx`
    The formats as a YAML file; the codes, formats and start values as an .npz file; the network
    with its quantizers as an ONNX file that runs anywhere.
`agreement`, `noise_ratio`
    How near answers are to those of the float network.
"""

import importlib
import sys


def _refuse_two_names() -> None:
    """Refuse to be imported as ``model`` and as ``ffp8``: their classes would not be the same.

    Raises
    ------
    ImportError
        If the other name is in use already.
    """
    other = sys.modules.get({"model": "ffp8", "ffp8": "model"}.get(__name__, ""))
    if getattr(other, "_refuse_two_names", None) is not None:
        raise ImportError(
            f"{__name__}: imported as {other.__name__} already, and a Format of one name is no "
            "Format of the other: use one name in a process"
        )


_refuse_two_names()

from .arithmetic.accumulator import ACCUMULATORS, accumulator_width, start_integer
from .arithmetic.elementwise import add, mean
from .arithmetic.products import dot, gemm
from .format.format import Format
from .format.rounding import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, ROUNDINGS
from .format.splits import supported_splits

__version__ = "0.1.0"

__all__ = [
    "ACCUMULATORS",
    "FLAG_INEXACT",
    "FLAG_OVERFLOW",
    "FLAG_UNDERFLOW",
    "ROUNDINGS",
    "Format",
    "accumulator_width",
    "add",
    "dot",
    "gemm",
    "mean",
    "start_integer",
    "supported_splits",
]

_STEPS = {
    "FloatNetwork": "quantization.calibration",
    "agreement": "comparison.measures",
    "calibrate": "quantization.calibration",
    "choose_formats": "quantization.steps",
    "export_network": "quantization.export",
    "export_onnx": "quantization.onnx_export",
    "load_network": "graph.importing.network",
    "noise_ratio": "comparison.measures",
    "quantize_network": "quantization.steps",
    "read_images": "graph.images",
    "read_selection": "quantization.selection_file",
    "write_selection": "quantization.selection_file",
}
"""Where the steps are that need more than numpy."""


def __getattr__(name: str) -> object:
    """Import a step when it is first used.

    Raises
    ------
    ImportError
        If a library is missing that it needs.
    """
    if name not in _STEPS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f".{_STEPS[name]}", __name__)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __name__:
            raise
        remedy = "run `make setup`" if __name__ == "model" else "pip install 'ffp8[networks]'"
        raise ImportError(
            f"{__name__}.{name} needs {error.name}: {remedy}", name=error.name
        ) from None
    globals()[name] = step = getattr(module, name)
    return step


def __dir__() -> list[str]:
    return sorted([*globals(), *_STEPS])
