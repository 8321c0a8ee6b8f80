"""A small design and what Verilator might have counted in it."""

from verif.code_coverage.counts import Counts, Point

FILE = "ffp8_small.v"
SOURCE = [
    "module ffp8_small (input wire clk, input wire go, output reg [2:0] value);",
    "    always @(posedge clk)",
    "        if (go) value <= value + 1;",
    "        else if (value == 7) value <= 0;",
    "endmodule",
]
BLOCK = Point(FILE, 2, 5, "line", "block")
GO, ELSE = Point(FILE, 3, 9, "branch", "if"), Point(FILE, 3, 10, "branch", "else")
FULL, REST = Point(FILE, 4, 14, "branch", "if"), Point(FILE, 4, 15, "branch", "else")
RISE = [Point(FILE, 1, 60, "toggle", f"value[{bit}]:0->1") for bit in range(3)]
FALL = [Point(FILE, 1, 60, "toggle", f"value[{bit}]:1->0") for bit in range(3)]
LINES = {BLOCK: frozenset({2, 3}), GO: frozenset({3}), FULL: frozenset({4})}


def record(point: Point, count: int, instance: str, lines: str = "") -> str:
    """Return a line as Verilator writes it."""
    key = {"f": f"/some/hdl/{point.file}", "l": point.line, "n": point.column, "t": point.kind}
    key |= {"page": f"v_{point.kind}/ffp8_small", "o": point.what, "h": instance}
    key |= {"S": lines} if lines else {}
    quoted = "".join(f"\x01{name}\x02{value}" for name, value in key.items())
    return f"C '{quoted}' {count}\n"


def counted(**passes: int) -> Counts:
    """Return counts of the small design, everything passed once unless `passes` names it."""
    named = {"block": BLOCK, "go": GO, "otherwise": ELSE, "full": FULL, "rest": REST}
    named |= {f"rise{bit}": point for bit, point in enumerate(RISE)}
    named |= {f"fall{bit}": point for bit, point in enumerate(FALL)}
    counts = Counts(lines=dict(LINES))
    for name, point in named.items():
        counts.hits[point] = passes.get(name, 1)
    return counts
