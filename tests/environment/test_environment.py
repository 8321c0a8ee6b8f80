"""Parts of the environment on their own: failing jobs, the scoreboard, streams."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cocotb.types import LogicArray

from model import Format
from tests.foreign.adapter import CAN, OPERANDS, RESULT
from verif.engine.streams import Port, Stream
from verif.environment.capabilities import FAILURES, Capabilities, error_of
from verif.environment.generator import Constraints, Generator
from verif.environment.job import Job
from verif.environment.scoreboard import Scoreboard
from verif.environment.settings import INFINITY, Settings
from verif.simulator.checks import CheckError

# Jobs that fail.


def build(packets: bool, **settings: object) -> Capabilities:
    """Return what a unit, or with packets an engine, can do."""
    other = "pair" if packets else "packet"
    failures = tuple(name for name in FAILURES if other not in name)
    return Capabilities.of_build(failures=failures, accumulator="exact", **settings)


UNIT = build(packets=False, exp_max=5, k_max=8)
ENGINE = build(packets=True, exp_max=4, k_max=20, rows=3, cols=2)


def test_every_failure_is_one_of_the_unit_or_of_the_engine() -> None:
    assert set(UNIT.failures) | set(ENGINE.failures) == set(FAILURES)
    assert {error_of(name) for name in FAILURES} == {"config", "start", "packet", "length"}


@pytest.mark.parametrize(
    ("can", "failure"),
    [(can, failure) for can in (UNIT, ENGINE) for failure in can.failures],
    ids=lambda value: value if isinstance(value, str) else f"{value.rows}x{value.cols}",
)
def test_a_spoilt_job_fails_for_its_reason_alone(
    can: Capabilities, failure: str, rng: np.random.Generator
) -> None:
    generator = Generator(can, rng)
    for _ in range(60):
        good = generator.job(Constraints())
        assert good.failure(can) is None
        assert generator.spoiler.spoilt(good, failure).failure(can) == failure


def plain_job(**settings: int) -> Job:
    """Return a good job of ENGINE with two products each."""
    fmt = Format(1, 4, 3, 7)
    configuration = replace(Settings.of(fmt, fmt, fmt), **settings)
    ones = np.full((3, 2), 0x38, np.uint8), np.full((2, 2), 0x38, np.uint8)
    return Job(configuration, *ones, (0, 0), (7, 7))


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"starts": (0, INFINITY)}, "start infinite"),
        ({"starts": (INFINITY | 1 << 31, 0)}, "start infinite"),
        ({"starts": (INFINITY | 1, 0)}, "start NaN"),
        ({"starts": (0x7F7FFFFF, 0)}, "start too large"),
        ({"starts": (0,), "biases_w": (7,)}, "c packet short"),
        ({"starts": (0,) * 3, "biases_w": (7,) * 3}, "c packet long"),
        ({"a_codes": np.zeros((3, 1), np.uint8)}, "a packet short"),
        ({"w_codes": np.zeros((1, 2), np.uint8)}, "w packet short"),
        (
            {"a_codes": np.zeros((3, 21), np.uint8), "w_codes": np.zeros((21, 2), np.uint8)},
            "too long",
        ),
        ({"framing": "no first"}, "no first pair"),
        ({"framing": "no last"}, "no last pair"),
    ],
)
def test_a_job_fails_for_what_it_lacks(changes: dict, failure: str) -> None:
    assert plain_job().failure(ENGINE) is None
    assert replace(plain_job(), **changes).failure(ENGINE) == failure


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({"a_exponent_bits": 5}, "config a"),
        ({"w_signed": 0, "w_exponent_bits": 9}, "config w"),
        ({"y_exponent_bits": 8}, "config y"),
        ({"y_exponent_bits": 8, "raw": 1}, None),
        ({"rounding": 5}, "config rounding"),
        ({"clamp_enable": 1, "clamp": 0x80}, "config clamp"),
        ({"clamp_enable": 1, "clamp": 0x7F}, None),
    ],
)
def test_a_configuration_fails_for_what_the_build_lacks(settings: dict, failure: str) -> None:
    assert plain_job(**settings).failure(ENGINE) == failure


# The scoreboard.


def operation(*pairs: tuple[int, int]) -> Job:
    """Return a job of fp8_mac."""
    x, y = np.array(pairs, np.uint8).T
    return Job(Settings.of(OPERANDS, OPERANDS, RESULT), x[None], y[:, None], (0,), (7,))


def outcome(code: int, flags: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return np.array([[code]], np.uint8), np.array([[flags]], np.uint8)


ONE, THREE = operation((0x38, 0x38)), operation((0x38, 0x40), (0x38, 0x38), (0, 0xFF))
ONE_CODE, THREE_CODE = 0x40, 0x46  # of 1 and 3, with bias 16


@pytest.fixture
def board() -> Scoreboard:
    """Scoreboard of fp8_mac, whose latency is 4, with two jobs taken in cycles 10 and 13."""
    scoreboard = Scoreboard(CAN)
    scoreboard.take(ONE, 10)
    scoreboard.take(THREE, 13)
    return scoreboard


def test_right_outcomes_in_order_are_counted(board: Scoreboard) -> None:
    assert board.compare(outcome(ONE_CODE), 14).job is ONE
    record = board.compare(outcome(THREE_CODE), 17)
    assert (record.job, record.before, record.behind) == (THREE, ONE, True)
    assert (board.taken, board.checked, board.results, len(board.due)) == (2, 2, 2, 0)


@pytest.mark.parametrize(
    ("actual", "cycle", "message"),
    [
        (
            outcome(ONE_CODE + 1),
            14,
            "expected: 0x40 of s1e5f2b16 = 1.0 = 1 (sign 0, exponent 16, significand 4), no flags\n"
            "actual: 0x41 of s1e5f2b16 = 1.25 = 5 * 2^-2 (sign 0, exponent 16, significand 5)",
        ),
        (outcome(ONE_CODE, 1), 14, "significand 4), inexact\na s1e4f3b7, w s1e4f3b7, K = 1"),
        (outcome(THREE_CODE), 14, "k = 0: a 0x38 of s1e4f3b7 = 1.0 = 1"),  # out of order
        (outcome(ONE_CODE), 13, "an outcome 3 cycles after its job's last beat, expected 4\n"),
        (outcome(ONE_CODE), 15, "an outcome 5 cycles after its job's last beat, expected 4\n"),
    ],
)
def test_a_wrong_outcome_is_described(
    board: Scoreboard, actual: tuple, cycle: int, message: str
) -> None:
    with pytest.raises(CheckError) as error:
        board.compare(actual, cycle)
    assert message in str(error.value)
    assert board.checked == 0


def test_a_word_where_a_code_was_expected_is_described(board: Scoreboard) -> None:
    word = np.array([[0x3F800000]], np.uint32), np.zeros((1, 1), np.uint8)
    with pytest.raises(CheckError, match="actual: 0x3f800000 = 1.0 = 1 "):
        board.compare(word, 14)


def test_an_outcome_too_many_is_described(board: Scoreboard) -> None:
    board.compare(outcome(ONE_CODE), 14)
    board.compare(outcome(THREE_CODE), 17)
    with pytest.raises(CheckError) as error:
        board.compare(outcome(0xC0), 18)
    text = str(error.value)
    assert text.startswith(
        "[environment.asked_for] an outcome that no job asked for: 0xc0 of s1e5f2b16 = -1.0 = -1 "
    )
    assert "the last job that was taken:\na s1e4f3b7, w s1e4f3b7, K = 3" in text
    assert "and 0 more products; 1 of 3 are zero" in text
    with pytest.raises(CheckError, match=r"no job asked for: \[\[64\]\], before any job"):
        Scoreboard(CAN).compare(outcome(ONE_CODE), 0)


def test_a_design_that_can_be_stalled_may_be_late() -> None:
    board = Scoreboard(replace(CAN, exact_latency=False))
    board.take(ONE, 10)
    assert board.compare(outcome(ONE_CODE), 5000).cycle == 10
    board.take(ONE, 10)
    with pytest.raises(CheckError, match="3 cycles after .*, expected 4 or more"):
        board.compare(outcome(ONE_CODE), 13)


def test_flags_outside_the_mask_are_not_expected() -> None:
    board = Scoreboard(CAN)
    record = board.take(operation((0x01, 0x81)), 0)
    assert record.expected[1] == 1  # it underflows, too, which fp8_mac does not show
    board.compare(outcome(0, 1), 4)
    assert board.flags == 1


def test_a_reset_and_a_failing_job_leave_nothing_due(board: Scoreboard) -> None:
    board.take(replace(ONE, framing="no last"), 14)
    assert (board.refused, board.errors, len(board.due)) == (1, {"packet"}, 2)
    assert board.before_failed() == 2
    board.forget()
    assert (board.dropped, board.taken, board.errors, board.failed) == (2, 0, set(), None)
    assert not board.due
    assert board.take(ONE, 20).before is None


# Streams.

PORT = Port("valid", "ready", ("data", "last"), "last")


def stream(port: Port = PORT) -> tuple[Stream, SimpleNamespace]:
    """Return a stream of pins that are no simulator's."""
    pins = ("valid", "ready", "data", "last")
    dut = SimpleNamespace(**{name: SimpleNamespace(value=0) for name in pins})
    return Stream(dut, port), dut


def sample(one: Stream, dut: SimpleNamespace, **values: object) -> object:
    for name, value in values.items():
        getattr(dut, name).value = value
    return one.sample()


def test_beats_stalls_and_starvations_are_counted() -> None:
    one, dut = stream()
    assert sample(one, dut, ready=1) is None and one.starved
    assert sample(one, dut, valid=1, ready=0, data=5) is None and one.waiting
    assert sample(one, dut) is None
    assert sample(one, dut, ready=1) == {"data": 5, "last": 0} and one.open
    assert sample(one, dut, data=6, last=1) == {"data": 6, "last": 1} and not one.open
    assert sample(one, dut, valid=0, ready=0) is None and not one.starved
    assert (one.beats, one.stalls, one.starvations) == (2, 2, 1)


def test_without_ready_every_beat_moves() -> None:
    one, dut = stream(replace(PORT, ready=None, last=None))
    assert sample(one, dut, valid=1, data=9) == {"data": 9, "last": 0} and not one.open
    assert sample(one, dut, valid=0) is None and one.starved
    assert (one.beats, one.stalls, one.starvations) == (1, 0, 1)


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ({"valid": 0}, "valid fell before the beat was taken"),
        ({"data": 6}, "valid: the payload changed while it waited"),
        ({"data": 6, "ready": 1}, "valid: the payload changed while it waited"),
        ({"data": LogicArray("01X1")}, "data is 01X1"),
        ({"data": LogicArray("Z101"), "ready": 1}, "data is Z101"),
        ({"last": LogicArray("X")}, "last is X"),
        ({"valid": LogicArray("X")}, "valid is X"),
        ({"ready": LogicArray("Z")}, "ready is Z"),
    ],
)
def test_a_broken_rule_is_an_error(then: dict, message: str) -> None:
    one, dut = stream()
    sample(one, dut, valid=1, data=5)
    with pytest.raises(CheckError) as error:
        sample(one, dut, **then)
    assert str(error.value).partition("] ")[2] == message


def test_a_beat_that_moves_at_once_has_to_be_known() -> None:
    one, dut = stream()
    with pytest.raises(CheckError, match="data is XXXX"):
        sample(one, dut, valid=1, ready=1, data=LogicArray("XXXX"))


def test_an_idle_payload_is_not_looked_at_and_a_reset_forgets_an_offer() -> None:
    one, dut = stream()
    assert sample(one, dut, data=LogicArray("XXXX")) is None
    sample(one, dut, valid=1, data=5)
    one.forget()
    assert sample(one, dut, valid=0) is None and not one.waiting
