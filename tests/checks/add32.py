"""Guards of the checks of the bench of ffp8_add32."""

from tests.benches.faulty import Fault

GUARDS = {
    "add32.sum": Fault(
        "add32",
        "exponent = major[34:24] + 11'd1;",
        "exponent = major[34:24] + 11'd2;",
        "add32",
        test="zero_operands_and_equal_magnitudes",
    ),
}
