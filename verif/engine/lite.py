"""The AXI4-Lite port at its pins: what a cycle shows, and the rules that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verif.engine.registers import REGISTERS
from verif.simulator.checks import check

OKAY, SLVERR = 0, 2
NAMES = {register.offset: name for name, register in REGISTERS.items()}
UNKNOWN = sorted(set(range(0, 256, 4)) - NAMES.keys())
_SAMPLED = ("awvalid", "awready", "wvalid", "wready", "bvalid", "bready")
_SAMPLED += ("arvalid", "arready", "rvalid", "rready")
_ANSWERS = ("bresp", "rdata", "rresp")


def response_of(address: int) -> int:
    """Return the answer to an address: SLVERR for one that is no register's."""
    return OKAY if address in NAMES else SLVERR


@dataclass(frozen=True)
class Sent:
    """A write as it was sent."""

    address: int
    data: int
    strobe: int


@dataclass(frozen=True)
class Seen:
    """What a cycle shows at the port.

    Attributes
    ----------
    effect
        The write that takes effect.
    read
        Address of a read that is taken.
    word
        What is offered for the read taken in the cycle before.
    answered
        The write whose answer is offered, whether taken or not.
    moved
        Of aw, w, b, ar, r the channels on which something moves.
    offered
        Those on which something is offered.
    outstanding
        What is on its way, in words.
    """

    effect: Sent | None
    read: int | None
    word: int | None
    answered: Sent | None
    moved: frozenset[str]
    offered: frozenset[str]
    outstanding: frozenset[str]


class LiteMonitor:
    """Samples the port once a cycle, and checks what needs no register to be judged.

    Of docs/registers.md: "A write takes effect once its address and data are in and no earlier
    answer waits, at the earliest in the cycle after the later of the two; its answer is offered in
    the cycle after that. A read [...] is answered in the next; while an answer is offered, no
    other address of a read is taken"; "any other address, and one that is no multiple of 4, is
    answered with SLVERR". Of AXI4-Lite: an offer holds until it is taken.
    """

    def __init__(self, dut: Any) -> None:
        self._pins = {name: getattr(dut, f"s_axil_{name}") for name in _SAMPLED}
        payload = ("awaddr", "wdata", "wstrb", "araddr", *_ANSWERS)
        self._payload = {name: getattr(dut, f"s_axil_{name}") for name in payload}
        self.forget()

    def forget(self) -> None:
        """Expect nothing on its way: the design was reset."""
        self._address: int | None = None
        self._data: tuple[int, int] | None = None
        self._answered: Sent | None = None
        self._read: int | None = None
        self._word: int | None = None  # that was offered for it, once it has been

    def sample(self) -> Seen:
        """Look at one cycle, just before the edge that ends it."""
        pins = {name: self._known(name, pin) for name, pin in self._pins.items()}
        offered = frozenset(n for n in ("aw", "w", "b", "ar", "r") if pins[f"{n}valid"])
        moved = frozenset(name for name in offered if pins[f"{name}ready"])
        for name in _ANSWERS:
            self._value(name)
        self._check_answers(pins)
        effect = None
        if self._address is not None and self._data is not None and self._answered is None:
            effect = Sent(self._address, *self._data)
        fresh = self._read is not None and self._word is None
        if fresh:
            self._word = self._value("rdata")
        word = self._word if fresh else None
        outstanding = self._outstanding(effect, offered, moved)
        answered = self._answered
        self._advance(effect, moved)
        taken = self._value("araddr") if "ar" in moved else None
        return Seen(effect, taken, word, answered, moved, offered, outstanding)

    def _check_answers(self, pins: dict[str, int]) -> None:
        due = self._answered
        check(
            "lite.an_answer_to_each_write",
            pins["bvalid"] == (due is not None),
            lambda: f"BVALID is {pins['bvalid']}, answers due: {due}",
        )
        if due is not None:
            actual, expected = self._value("bresp"), response_of(due.address)
            check(
                "lite.response_of_a_write",
                actual == expected,
                lambda: f"BRESP {actual} of {due}, expected {expected}",
            )
        read = self._read
        check(
            "lite.an_answer_to_each_read",
            pins["rvalid"] == (read is not None),
            lambda: f"RVALID is {pins['rvalid']}, address that was taken: {read}",
        )
        if read is None:
            return
        actual, expected = self._value("rresp"), response_of(read)
        check(
            "lite.response_of_a_read",
            actual == expected,
            lambda: f"RRESP {actual} of {read:#04x}, expected {expected}",
        )
        if self._word is not None:
            word = self._value("rdata")
            check(
                "lite.words_hold",
                word == self._word,
                lambda: f"RDATA {self._word:#x} became {word:#x} before it was taken",
            )

    def _outstanding(
        self, effect: Sent | None, offered: frozenset[str], moved: frozenset[str]
    ) -> frozenset[str]:
        states = {
            "a write's address alone": self._address is not None and self._data is None,
            "a write's data alone": self._data is not None and self._address is None,
            "a write in effect": effect is not None,
            "a write behind an answer": self._address is not None
            and self._data is not None
            and self._answered is not None,
            "an answer to a write": self._answered is not None,
            "a read's address": "ar" in moved,
            "a read's address behind an answer": "ar" in offered and "ar" not in moved,
            "an answer to a read": self._read is not None,
        }
        return frozenset(name for name, holds in states.items() if holds)

    def _advance(self, effect: Sent | None, moved: frozenset[str]) -> None:
        if "b" in moved:
            self._answered = None
        if effect is not None:
            self._answered, self._address, self._data = effect, None, None
        if "aw" in moved:
            self._alone("address", self._address)
            self._address = self._value("awaddr")
        if "w" in moved:
            self._alone("data", self._data)
            self._data = self._value("wdata"), self._value("wstrb")
        if "ar" in moved:
            self._alone("read", self._read)
        if "r" in moved:
            self._read = self._word = None
        if "ar" in moved:
            self._read = self._value("araddr")

    @staticmethod
    def _alone(what: str, held: object) -> None:
        check("lite.one_access_at_a_time", held is None, f"{what} taken while {held} is held")

    def _value(self, name: str) -> int:
        return self._known(name, self._payload[name])

    @staticmethod
    def _known(name: str, pin: Any) -> int:
        value = pin.value
        check("lite.nothing_is_x", value.is_resolvable, lambda: f"{name} is {value}")
        return int(value)
