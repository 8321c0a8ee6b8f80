"""Forms of operators that take sums, means, greatest values and norms over axes."""

from tests.graph.importing.forms.arrangements import ints
from tests.graph.importing.forms.form import Form, form
from tests.graph.tiny_networks import normal

REDUCED = ("L1", "L2", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")


def _reductions() -> list[Form]:
    found = []
    for kind in (f"Reduce{name}" for name in REDUCED):
        moved = 13 if kind == "ReduceSum" else 18
        axes = ints(a=[1, 3])
        found += [
            form(kind, "by default", axes=[2], last=moved - 1),
            form(kind, "without the axes", axes=[1, 3], keepdims=0, last=moved - 1),
            form(kind, "from the end", axes=[-1], first=11, last=moved - 1),
            form(kind, "by input", "c a", constants=ints(a=[2]), first=moved),
            form(kind, "by input without the axes", "c a", constants=axes, keepdims=0, first=moved),
            form(kind, "by input from the end", "c a", constants=ints(a=[-1]), first=moved),
            form(
                *(kind, "of no axes", "c a"),
                constants=ints(a=[]),
                noop_with_empty_axes=1,
                first=moved,
            ),
            form(kind, "of axes left out", noop_with_empty_axes=1, first=moved),
        ]
    return found + [
        form("ReduceMean", "of rows and columns", axes=[2, 3], last=17),
        form("ReduceMean", "of columns and rows", axes=[3, 2], keepdims=0, last=17),
        form(
            "ReduceMean",
            "of rows and columns by input",
            "c a",
            constants=ints(a=[-2, -1]),
            first=18,
        ),
    ]


def _softmaxes() -> list[Form]:
    """Make forms of a Softmax, which before opset 13 flattened what follows its axis."""
    found = []
    for kind in ("Softmax", "LogSoftmax"):
        found += [form(kind, "by default"), form(kind, "of channels", axis=1)]
        found += [form(kind, "of rows", axis=2, first=13), form(kind, "of columns", axis=3)]
        mixed = "the first axis must count the images"
        found += [form(kind, "of rows and columns at once", axis=2, last=12, refused=mixed)]
        found += [form(kind, "from the end", axis=-1, first=11)]
    return found


SCALED = {"s": normal(5, 4), "b": normal(6, 4)}
NORMED = {"s": normal(5, 9), "b": normal(6, 9)}


REDUCTIONS = [
    *_reductions(),
    *_softmaxes(),
    form("CumSum", "by default", "c a", constants=ints(a=2), first=11),
    form("CumSum", "from behind", "c a", constants=ints(a=-1), exclusive=1, reverse=1, first=11),
    form("InstanceNormalization", "by default", "c s b", constants=SCALED),
    form("InstanceNormalization", "with attributes", "c s b", constants=SCALED, epsilon=0.1),
    form("LayerNormalization", "by default", "c s b", constants=NORMED, first=17),
    form("LayerNormalization", "without shift", "c s", constants=NORMED, epsilon=0.1, first=17),
    form(
        *("LayerNormalization", "of rows and columns", "c s"),
        constants={"s": normal(5, 8, 9)},
        axis=2,
        first=17,
    ),
    form("RMSNormalization", "by default", "c s", constants=NORMED, first=23),
    form(
        *("RMSNormalization", "with attributes", "c s"),
        constants={"s": normal(5, 8, 9)},
        axis=-2,
        epsilon=0.1,
        first=23,
    ),
    form(
        *("GroupNormalization", "by groups", "c s b"),
        constants={"s": normal(5, 2), "b": normal(6, 2)},
        num_groups=2,
        first=18,
        last=20,
        refused="GroupNormalization is deprecated in domain_version of 18",
    ),
    form("GroupNormalization", "by default", "c s b", constants=SCALED, num_groups=2, first=21),
    form(
        *("GroupNormalization", "with attributes", "c s b"),
        constants=SCALED,
        num_groups=2,
        epsilon=0.1,
        first=21,
    ),
    form("LRN", "by default", size=3),
    form("LRN", "with attributes", size=5, alpha=0.3, beta=0.6, bias=1.5),
    form("LpNormalization", "by default"),
    form("LpNormalization", "with attributes", axis=1, p=1),
    form("MeanVarianceNormalization", "of rows and columns", axes=[2, 3], first=9),
    form(
        "Einsum",
        "of two",
        "c m",
        constants={"m": normal(5, 9, 5)},
        equation="nchw,wk->nchk",
        first=12,
    ),
    form("Einsum", "of one", equation="nchw->nhc", first=12),
    form("GlobalLpPool", "by default", last=21),
    form("GlobalLpPool", "with attributes", p=1, last=21),
    form("GlobalLpPool", "of today", first=22, refused="GlobalLpPool .*NOT_IMPLEMENTED"),
    form("GlobalAveragePool", "plain"),
    form("GlobalMaxPool", "plain"),
]
"""Of all of them."""
