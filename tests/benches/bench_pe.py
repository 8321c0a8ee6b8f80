"""ffp8_pe: it is the element that ACCUMULATOR chooses, connected to every port."""

from tests.benches import bench_pe_binary32, bench_pe_exact
from verif.simulator.simulation import bench_test

ELEMENTS = (
    (bench_pe_exact.ExactBench, bench_pe_exact.SHAPES),
    (bench_pe_binary32.Binary32Bench, bench_pe_binary32.SHAPES),
)


@bench_test()
async def sums_of_the_chosen_element(dut):
    """One sum of every shape in every rhythm, as the benches of the elements have them."""
    kind, shapes = ELEMENTS[int(dut.ACCUMULATOR.value)]
    bench = kind(dut)
    await bench.compare_sums(shapes, 1)
    assert bench.checked == 4 * len(shapes) and all(bench.seen[shape] for shape in shapes)
