"""Guards of the checks of the bench of ffp8_judge."""

from tests.benches.faulty import Fault

BUILD, TEST = {"EXP_MAX": 3}, "random_configurations"
GUARDS = {
    "judge.refused": Fault(
        "judge", "rounding > 3'd4", "rounding > 3'd5", "judge", BUILD, test=TEST
    ),
    "judge.exponents": Fault(
        "judge", "raw ? 10'sd127", "raw ? 10'sd126", "judge", BUILD, test=TEST
    ),
}
