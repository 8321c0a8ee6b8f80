"""onnxruntime, which is told before its first import to keep no telemetry.

Else it leaves a device's id and a file of events in the user's cache folder.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
