"""The stored form of an accumulator: segments with a slot for the carry out of each but the last.

Low to high: segment 0, slot 0, segment 1, slot 1, and so on; the last segment has the bits that
remain and the sign. A carry in a slot is still to be added to the segment above it, so one value
has many stored forms.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredForm:
    """Layout of the stored form.

    Attributes
    ----------
    width
        Bits of the accumulator, its sign included.
    segment
        Bits of a segment.
    """

    width: int
    segment: int

    @property
    def slots(self) -> int:
        """Number of carry slots."""
        return (self.width - 1) // self.segment

    @property
    def bits(self) -> int:
        """Bits of the stored form."""
        return self.width + self.slots

    def wrap(self, value: int) -> int:
        """Return an integer as the accumulator holds it: modulo 2^width, signed."""
        half = 1 << (self.width - 1)
        return (value + half) % (2 * half) - half

    def value(self, stored: int) -> int:
        """Return the signed integer that a stored form stands for.

        Raises
        ------
        ValueError
            If `stored` has more than `bits` bits.
        """
        if not 0 <= stored < 1 << self.bits:
            raise ValueError(f"stored form {stored:#x}: 0 to {self.bits} bits are expected")
        total, place = 0, 0
        for _ in range(self.slots):
            total += (stored & (2 << self.segment) - 1) << place  # a segment and its slot
            stored >>= self.segment + 1
            place += self.segment
        return self.wrap(total + (stored << place))

    def pack(self, value: int, carries: int = 0) -> int:
        """Return a stored form of an integer.

        Parameters
        ----------
        value
            The integer, wrapped to the accumulator's width.
        carries
            What the slots hold, bit 0 being the lowest; the segments make up for it.
        """
        pending = sum(
            (carries >> slot & 1) << self.segment * (slot + 1) for slot in range(self.slots)
        )
        rest = (value - pending) % (1 << self.width)
        stored, place = 0, 0
        for slot in range(self.slots):
            piece = rest & (1 << self.segment) - 1 | (carries >> slot & 1) << self.segment
            stored |= piece << place
            rest >>= self.segment
            place += self.segment + 1
        return stored | rest << place
