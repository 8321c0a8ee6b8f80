"""Forms of operators that arrange values: what they move, repeat, cut out or put around."""

import numpy as np
from onnx import helper

from tests.graph.importing.forms.form import Form, form
from tests.graph.importing.opsets import NEWEST
from tests.graph.tiny_networks import operator

ROW = operator("MaxPool", "c", "r", kernel_shape=[8, 1])
"""Makes (4, 1, 9)."""

NARROW = operator("MaxPool", "c", "f", kernel_shape=[1, 2])
"""Makes (4, 8, 8)."""


def ints(**values: object) -> dict[str, np.ndarray]:
    """Make constants of int64."""
    return {name: np.array(value, np.int64) for name, value in values.items()}


def floats(**values: object) -> dict[str, np.ndarray]:
    """Make constants of float32."""
    return {name: np.array(value, np.float32) for name, value in values.items()}


def _splits() -> list[Form]:
    """Make forms of a Split whose parts, along the channels, are both read."""
    found = []
    for name, sizes, settings, first, last in (
        ("evenly", None, {}, 7, 17),
        ("by attribute", None, {"split": [3, 1]}, 7, 12),
        ("by input", [3, 1], {}, 13, NEWEST),
        ("into a number of parts", None, {"num_outputs": 2}, 18, NEWEST),
    ):
        inputs = ["c"] if sizes is None else ["c", "sizes"]
        operators = (
            helper.make_node("Split", inputs, ["p", "q"], name="s", axis=1, **settings),
            operator("Concat", "q p", "y", axis=1),
        )
        constants = {} if sizes is None else ints(sizes=sizes)
        found.append(Form("Split", name, operators, constants, first, last))
    unequal = helper.make_node("Split", ["c"], ["p", "q"], name="s", axis=3, num_outputs=2)
    joined = operator("Concat", "q p", "y", axis=3)
    return [*found, Form("Split", "into unequal parts", (unequal, joined), {}, 18)]


def _squeezes() -> list[Form]:
    found = []
    for kind, before in (("Squeeze", (ROW,)), ("Unsqueeze", ())):
        source = "r" if before else "c"
        found += [
            form(kind, "by attribute", source, before=before, axes=[2], last=12),
            form(
                *(kind, "by input", f"{source} a"), before=before, constants=ints(a=[2]), first=13
            ),
            form(kind, "from the end", source, before=before, axes=[-2], first=11, last=12),
            form(
                *(kind, "from the end by input", f"{source} a"),
                before=before,
                constants=ints(a=[-2]),
                first=13,
            ),
        ]
    return [*found, form("Squeeze", "of all axes", "r", before=(ROW,), batch=3)]


def _pads() -> list[Form]:
    around, value = [0, 0, 1, 0, 0, 1, 0, 2], floats(v=-0.7)
    relu = (operator("Relu", "z", "y"),)
    found = [
        form("Pad", "by default", pads=around, last=10),
        form("Pad", "with a value", pads=around, value=-0.7, last=10),
        form("Pad", "with a value, then a Relu", pads=around, value=-0.7, after=relu, last=10),
        form("Pad", "by input", "c p", constants=ints(p=around), first=11),
        form("Pad", "with a value by input", "c p v", constants=ints(p=around) | value, first=11),
        form(
            *("Pad", "with a value by input, then a Relu", "c p v"),
            constants=ints(p=around) | value,
            after=relu,
            first=11,
        ),
        form("Pad", "cut off", "c p", constants=ints(p=[0, 0, -1, 0, 0, 0, 0, 2]), first=11),
        form(
            *("Pad", "of some axes", "c p v a"),
            constants=ints(p=[1, 2], a=[-2]) | value,
            first=18,
        ),
        form("Pad", "of some axes with zeros", "c p  a", constants=ints(p=[1, 2], a=[3]), first=18),
    ]
    for mode, since in (("reflect", 7), ("edge", 7), ("wrap", 19)):
        if since < 11:
            found.append(form("Pad", f"by {mode}", pads=around, mode=mode, last=10))
        found.append(
            form(
                *("Pad", f"by {mode} by input", "c p"),
                constants=ints(p=around),
                mode=mode,
                first=max(since, 11),
            )
        )
    return found


def _slices() -> list[Form]:
    """Make forms of a Slice; before opset 10 it has only attributes."""
    found = [
        form("Slice", "of leading axes", starts=[0, 1], ends=[99, 3], last=9),
        form("Slice", "of some axes", starts=[1, -4], ends=[3, 99], axes=[1, 3], last=9),
    ]
    given = ints(s=[1, -2], e=[3, -8], a=[1, 3], t=[1, -3])
    leading = ints(s=[0, 1], e=[np.iinfo(np.int64).max, 3])
    return [
        *found,
        form("Slice", "of leading axes by inputs", "c s e", constants=leading, first=10),
        form(
            *("Slice", "of some axes by inputs", "c s e a"),
            constants=ints(s=[1, -4], e=[3, 99], a=[1, 3]),
            first=10,
        ),
        form("Slice", "by steps", "c s e a t", constants=given, first=10),
        form(
            *("Slice", "by steps of leading axes", "c s e  t"),
            constants=leading | ints(t=[1, 1]),
            first=10,
        ),
    ]


def _resizes() -> list[Form]:
    scales = floats(s=[1, 1, 1.5, 2.4])
    found = [
        form(kind, f"by {mode}", "c s", constants=scales, mode=mode, first=first, last=last)
        for kind, first, last in (("Upsample", 9, 9), ("Resize", 10, 10))
        for mode in ("nearest", "linear")
    ]
    found += [
        form("Upsample", f"by {mode} to factors", mode=mode, scales=[1, 1, 1.5, 2.4], last=8)
        for mode in ("nearest", "linear")
    ]
    found += [
        form("Upsample", "by default", scales=[1, 1, 1.5, 2.4], last=8),
        form(
            *("Upsample", "of today", "c s"),
            constants=scales,
            first=10,
            refused="Upsample is deprecated in domain_version of 10",
        ),
        form("Upsample", "by default by input", "c s", constants=scales, first=9, last=9),
        form("Resize", "by default, scaled", "c s", constants=scales, first=10, last=10),
    ]
    empty = floats(n=[]) | scales
    for mode in ("nearest", "linear", "cubic"):
        for place in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
            found.append(
                form(
                    *("Resize", f"by {mode}, {place}", "c n s"),
                    constants=empty,
                    mode=mode,
                    coordinate_transformation_mode=place,
                    first=11,
                )
            )
    for rule in ("round_prefer_ceil", "floor", "ceil"):
        found.append(
            form("Resize", f"by {rule}", "c n s", constants=empty, nearest_mode=rule, first=11)
        )
    cubic = {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}
    to_size = ints(z=[3, 4, 13, 5])
    found += [
        form("Resize", "by default", "c n s", constants=empty, first=11),
        form("Resize", "without a region", "c  s", constants=scales, first=13),
        form("Resize", "cubic with a coefficient", "c n s", constants=empty, first=11, **cubic),
        form("Resize", "to a size", "c n n z", constants=floats(n=[]) | to_size, first=11, batch=3),
        form("Resize", "to a size alone", "c   z", constants=to_size, first=13, batch=3),
        form(
            *("Resize", "of a region", "c o s"),
            constants=scales | floats(o=[0, 0, 0.1, 0.2, 1, 1, 0.8, 1.2]),
            mode="linear",
            coordinate_transformation_mode="tf_crop_and_resize",
            extrapolation_value=0.5,
            first=11,
        ),
        form("Resize", "of some axes", "c  s", constants=floats(s=[1.5, 2]), axes=[2, 3], first=18),
        form(
            *("Resize", "antialiased", "c  s"),
            constants=floats(s=[1, 1, 0.5, 0.6]),
            mode="linear",
            antialias=1,
            first=18,
        ),
        form(
            *("Resize", "keeping the ratio", "c   z"),
            constants=ints(z=[12, 18]),
            axes=[2, 3],
            keep_aspect_ratio_policy="not_larger",
            first=18,
        ),
        form(
            *("Resize", "by half a pixel symmetrically", "c  s"),
            constants=scales,
            mode="linear",
            coordinate_transformation_mode="half_pixel_symmetric",
            first=19,
        ),
    ]
    return found


ARRANGEMENTS = [
    *_splits(),
    *_squeezes(),
    *_pads(),
    *_slices(),
    *_resizes(),
    form("Transpose", "of rows and columns", perm=[0, 1, 3, 2]),
    form("Reshape", "to sizes", "c t", constants=ints(t=[-1, 8, 4, 9])),
    form("Reshape", "to what is there", "c t", constants=ints(t=[0, 2, -1, 0])),
    form("Reshape", "flat", "c t", constants=ints(t=[-1, 288])),
    form(
        "Reshape", "with zeros allowed", "c t", constants=ints(t=[-1, 8, 36]), allowzero=1, first=14
    ),
    form("Flatten", "by default"),
    form("Flatten", "from an axis", axis=1),
    form("Flatten", "from the end", axis=-3, first=11),
    form("Gather", "of some", "c i", constants=ints(i=[3, 0]), axis=1),
    form("Gather", "of one", "c i", constants=ints(i=2), axis=2),
    form("Gather", "from the end", "c i", constants=ints(i=[[-1, 0]]), axis=-1, first=11),
    form("Expand", "to sizes", "r t", before=(ROW,), constants=ints(t=[1, 4, 5, 9]), first=8),
    form("Expand", "of leading axes", "r t", before=(ROW,), constants=ints(t=[5, 1]), first=8),
    form("Tile", "of rows", "c t", constants=ints(t=[1, 1, 2, 1])),
    form("DepthToSpace", "by default", blocksize=2),
    form("DepthToSpace", "by columns", blocksize=2, mode="CRD", first=11),
    form(
        "SpaceToDepth",
        "by default",
        "f",
        before=(NARROW,),
        blocksize=2,
    ),
    form(
        "SpaceToDepth",
        "by columns",
        "f",
        before=(NARROW,),
        blocksize=2,
        mode="CRD",
        first=28,
    ),
    form("Concat", "of channels", "c x c", axis=1),
    form("Concat", "of columns", "c c", axis=3),
    form("Concat", "from the end", "c c", axis=-1, first=11),
]
"""Of all of them."""
