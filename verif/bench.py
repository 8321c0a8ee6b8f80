"""Speed of the model against its peers: ``python -m verif.bench``.

Every case runs the model and its peer in turn, several times, in one process on one thread, and
keeps the least processor time of each, so that other work on the machine counts little. What is
reported is the ratio: above 1 the model is faster.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import gfloat
import ml_dtypes
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from model import ROUNDINGS, Format, gemm, supported_splits
from verif.commands.arguments import Parser, whole
from verif.commands.files import write_json
from verif.commands.folders import command_folder
from verif.commands.interrupts import start_over
from verif.commands.running import run_command

SUMMARY = command_folder("bench") / "summary.json"
SEED = 1
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# The formats that both have. Any other split is compared with the cast to float8_e4m3fn, since all
# casts of ml_dtypes take about as long.
COMMON = {
    "s1e4f3b7": ml_dtypes.float8_e4m3fn,
    "s1e5f2b15": ml_dtypes.float8_e5m2,
    "s1e3f4b3": ml_dtypes.float8_e3m4,
    "s1e4f3b11": ml_dtypes.float8_e4m3b11fnuz,
}
GFLOAT_SHARE = 50  # gfloat gets one value in so many, and its time is scaled
GFLOAT_FORMATS = ("s1e4f3b7", "s1e5f2b15", "s0e4f4b7")

# A square product, and the matrices that im2col makes of convolutions: (M, K, N).
PRODUCTS = (
    (1024, 1024, 1024),
    (12544, 144, 16),
    (12544, 576, 64),
    (3136, 192, 192),
    (3136, 576, 192),
    (3136, 1152, 256),
)
PRODUCT_FORMATS = ("s1e4f3b7", "s1e5f2b15")


@dataclass(frozen=True)
class Case:
    """A comparison: calls of the model and of its peer, which does `share` of the work."""

    name: str
    ours: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    share: float = 1.0


@dataclass(frozen=True)
class Measurement:
    """What a case came to: least processor seconds of each, and theirs divided by ours."""

    name: str
    ours: float
    peer: str
    peer_seconds: float
    ratio: float


def measure(case: Case, repeats: int) -> Measurement:
    """Run a case's two sides in turn, once to warm up and then `repeats` times."""
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(1 + repeats):
        for side, call in (("ours", case.ours), ("theirs", case.theirs)):
            start = time.process_time()
            call()
            times[side].append(time.process_time() - start)
    ours, theirs = (min(times[side][1:]) for side in ("ours", "theirs"))
    theirs /= case.share
    return Measurement(case.name, ours, case.peer, theirs, theirs / ours)


def codec_cases(values: np.ndarray) -> Iterator[Case]:
    """Compare encoding of float32 and float64, and decoding to float64, with ml_dtypes."""
    for fmt in _formats():
        peer_type = COMMON.get(str(fmt), ml_dtypes.float8_e4m3fn)
        peer = f"ml_dtypes {peer_type.__name__}" + ("" if str(fmt) in COMMON else " (other format)")
        scaled = _scaled(values, fmt)
        for given in (scaled.astype(np.float32), scaled):
            yield _encode_case(fmt, given, peer, peer_type)
        codes = fmt.encode(scaled)
        yield Case(
            f"decode {fmt} to float64",
            lambda fmt=fmt, codes=codes: fmt.decode(codes),
            peer,
            lambda codes=codes, kind=peer_type: codes.view(kind).astype(np.float64),
        )


def rounding_cases(values: np.ndarray) -> Iterator[Case]:
    """Compare the other roundings, and flags, with ml_dtypes' only rounding, without flags."""
    fmt, kind = Format.parse("s1e4f3b7"), ml_dtypes.float8_e4m3fn
    given = _scaled(values, fmt).astype(np.float32)
    calls = {f"encode {fmt} {rounding}": (fmt.encode, rounding) for rounding in ROUNDINGS[1:]}
    calls[f"encode_flags {fmt}"] = (fmt.encode_flags, "rne")
    for name, (call, rounding) in calls.items():
        yield Case(
            f"{name} from float32",
            lambda call=call, rounding=rounding: call(given, rounding),
            f"ml_dtypes {kind.__name__} (rne)",
            lambda: given.astype(kind),
        )


def gfloat_cases(values: np.ndarray) -> Iterator[Case]:
    """Compare encoding and decoding with gfloat, which has every split and bias too."""
    for fmt in map(Format.parse, GFLOAT_FORMATS):
        info = gfloat_format(fmt)
        scaled = _scaled(values, fmt)
        codes = fmt.encode(scaled)
        few = scaled[: len(scaled) // GFLOAT_SHARE]
        few_codes = codes[: len(few)]
        share = len(few) / len(scaled)

        def encode(info: gfloat.FormatInfo = info, few: np.ndarray = few) -> np.ndarray:
            return gfloat.encode_ndarray(info, gfloat.round_ndarray(info, few, sat=True))

        yield Case(
            f"encode {fmt} from float64",
            lambda fmt=fmt, scaled=scaled: fmt.encode(scaled),
            "gfloat",
            encode,
            share,
        )
        yield Case(
            f"decode {fmt} to float64",
            lambda fmt=fmt, codes=codes: fmt.decode(codes),
            "gfloat",
            lambda info=info, few_codes=few_codes: gfloat.decode_ndarray(info, few_codes),
            share,
        )


def product_cases(random: np.random.Generator) -> Iterator[Case]:
    """Compare whole layers, codes to codes, with numpy's product of float64 matrices alone."""
    for fmt in map(Format.parse, PRODUCT_FORMATS):
        for rows, depth, columns in PRODUCTS:
            a = random.normal(size=(rows, depth))
            w = random.normal(size=(depth, columns))
            a_codes, w_codes = fmt.encode(a), fmt.encode(w)
            start = random.normal(size=columns).astype(np.float32)
            yield Case(
                f"gemm {fmt} {rows}x{depth}x{columns}",
                lambda a=a_codes, w=w_codes, fmt=fmt, start=start: gemm(a, w, fmt, fmt, start, fmt),
                "numpy float64 product",
                lambda a=a, w=w: a @ w,
            )


def gfloat_format(fmt: Format) -> gfloat.FormatInfo:
    """Return gfloat's description of an FFP8 format."""
    return gfloat.FormatInfo(
        str(fmt),
        8,
        fmt.fraction + 1,
        bias=fmt.bias,
        is_signed=bool(fmt.sign),
        domain=gfloat.Domain.Finite,
        has_nz=bool(fmt.sign),
        num_high_nans=0,
        has_subnormals=True,
        is_twos_complement=False,
    )


def all_cases(count: int) -> Iterator[Case]:
    """Yield every case, codec cases with `count` values."""
    random = np.random.default_rng(SEED)
    values = random.normal(size=count)
    yield from codec_cases(values)
    yield from rounding_cases(values)
    yield from gfloat_cases(values)
    yield from product_cases(random)


def run(count: int, repeats: int, only: str, console: Console) -> list[Measurement]:
    """Measure the cases whose names contain `only`, writing the summary after each."""
    measurements: list[Measurement] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    total = 3 * len(_formats()) + len(ROUNDINGS) + 2 * len(GFLOAT_FORMATS)
    total += len(PRODUCTS) * len(PRODUCT_FORMATS)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for case in all_cases(count):
            progress.update(task, description=case.name, advance=1)
            if only in f"{case.name} {case.peer}":
                measurements.append(measure(case, repeats))
                write_summary(count, repeats, measurements)
    return measurements


def write_summary(count: int, repeats: int, measurements: Sequence[Measurement]) -> None:
    """Write ``build/bench/summary.json``."""
    summary = {
        "values": count,
        "repeats": repeats,
        "threads": 1,
        "numpy": np.__version__,
        "ml_dtypes": ml_dtypes.__version__,
        "cases": [asdict(measurement) for measurement in measurements],
    }
    write_json(SUMMARY, summary)


def report(count: int, measurements: Sequence[Measurement], console: Console) -> None:
    """Print the measurements as a table."""
    table = Table("case", "peer", box=box.SIMPLE, title=f"{count:,} values, one thread")
    for heading in ("ours, s", "peer, s", "ratio"):
        table.add_column(heading, justify="right")
    for item in measurements:
        seconds = f"{item.ours:.4f}", f"{item.peer_seconds:.4f}"
        table.add_row(item.name, item.peer, *seconds, f"{item.ratio:.2f}")
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, report, and return the exit status: 1 if no case was measured."""
    if arguments is None and any(os.environ.get(name) != text for name, text in THREADS.items()):
        # numpy's BLAS reads these when it is loaded, which is done by now: start over, with all
        # variables, which the parser takes out of the environment.
        start_over(THREADS)
    parser = Parser(prog="bench", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--values", type=whole(GFLOAT_SHARE, 10**8), default=10_000_000, help="values a codec case"
    )
    parser.add_argument("--repeats", type=whole(1), default=5, help="runs of each side of a case")
    parser.add_argument("--only", default="", help="part of a case's or a peer's name")
    settings = parser.parse_args(arguments)
    console = Console()
    measurements = run(settings.values, settings.repeats, settings.only, console)
    if not measurements:
        print(f"bench: ONLY={settings.only}: no case or peer has this in its name", file=sys.stderr)
        return 2
    report(settings.values, measurements, console)
    return 0


def _formats() -> list[Format]:
    """Return the formats that both have, and one of every split."""
    others = [Format(*split, 2 ** max(split[1] - 1, 0) - 1) for split in supported_splits(8)]
    return list(dict.fromkeys([*map(Format.parse, COMMON), *others]))


def _scaled(values: np.ndarray, fmt: Format) -> np.ndarray:
    """Return values of standard deviation 1 scaled to a quarter of the format's range, at most."""
    return values * min(fmt.max / 4, 4.0)


def _encode_case(fmt: Format, given: np.ndarray, peer: str, kind: type) -> Case:
    return Case(
        f"encode {fmt} from {given.dtype}",
        lambda: fmt.encode(given),
        peer,
        lambda: given.astype(kind),
    )


if __name__ == "__main__":
    sys.exit(run_command("bench", main))
