"""Makes faults in Verilog: small changes of the source, each at one place.

The source is read as tokens. What only shapes the design (headers, declared widths, part selects,
replication counts, loop variables) is left alone, so that a fault compiles and changes what the
circuit does: an operator, a constant or a condition.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, groupby
from typing import NamedTuple

KINDS = ("operator", "constant", "condition")

SWAPS = {
    **{"+": "-", "-": "+", "*": "+", "<<": ">>", ">>": "<<"},
    **{"&": "|", "|": "&", "^": "~^", "~^": "^", "&&": "||", "||": "&&"},
    **{"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"},
}
REMOVED_AS_PREFIX = ("-", "!", "~")

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<other>"(?:\\.|[^"\\\n])*"|`[^\n]*|\s+)
    |(?P<sized>\d+'s?[bdh][\da-fA-F_]+)|(?P<integer>\d[\d_]*)|(?P<word>[A-Za-z_$][\w$]*)
    |(?P<symbol>[-+]:|<<|>>|<=|>=|==|!=|&&|\|\||~\^|.)""",
    re.VERBOSE | re.DOTALL,
)
LITERAL = re.compile(r"(?P<width>\d+)'(?P<sign>s?)(?P<base>[bdh])(?P<digits>\w+)")
BASES = {"b": 2, "d": 10, "h": 16}
BRACKETS = {"(": ")", "[": "]", "{": "}"}
DECLARATIONS = ("wire", "reg", "integer", "genvar")


class Token(NamedTuple):
    """A token: its kind (a group of `TOKEN`), text and place in the source."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, order=True)
class Fault:
    """One change of one file.

    Attributes
    ----------
    file : str
        Name of the file.
    start : int
        Offset of the changed text in the file, in characters.
    before, after : str
        The text there, without and with the fault.
    kind : str
        One of `KINDS`.
    line : int
        Line of the change, from 1.
    site : int
        What faults at one operator, literal or condition share.
    """

    file: str
    start: int
    before: str
    after: str
    kind: str
    line: int
    site: int

    def __str__(self) -> str:
        """Return place, kind and change in one line."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.file}:{self.line} {self.kind}: {before} -> {after or '(nothing)'}"


def apply(fault: Fault, source: str) -> str:
    """Return the source with the fault in it.

    Raises
    ------
    ValueError
        If the text that it changes is not at its place.
    """
    return _replace(source, fault.start, fault.before, fault.after)


def revert(fault: Fault, source: str) -> str:
    """Return the source without the fault: the inverse of `apply`."""
    return _replace(source, fault.start, fault.after, fault.before)


def _replace(source: str, start: int, old: str, new: str) -> str:
    if not source.startswith(old, start):
        raise ValueError(f"offset {start}: {old!r} expected, {source[start : start + 20]!r} found")
    return source[:start] + new + source[start + len(old) :]


def make_faults(file: str, source: str) -> list[Fault]:
    """Return every fault that can be made in a source, ordered by place.

    Parameters
    ----------
    file : str
        Name of the file, for the description.
    source : str
        Verilog-2005 text.
    """
    found = _Source(source)
    changes = {
        "operator": found.operators(),
        "constant": found.constants(),
        "condition": found.conditions(),
    }
    faults = {
        Fault(file, start, before, after, kind, source.count("\n", 0, start) + 1, site)
        for kind, made in changes.items()
        for site, start, before, after in made
        if before != after and not found.has_comment(start, start + len(before))
    }
    return sorted(faults)


def draw(faults: list[Fault], count: int, seed: int | str) -> list[list[Fault]]:
    """Draw faults, balanced over the kinds and spread over the file.

    Parameters
    ----------
    faults : list of Fault
        What `make_faults` found in one file.
    count : int
        How many to draw.
    seed : int or str
        What the draw depends on, and nothing else.

    Returns
    -------
    list of list of Fault
        For each fault drawn, itself and the ones to replace it by, in order, should it turn out
        not to compile. No fault is in two of the lists; fewer than `count` of them where
        the file has not as many sites.
    """
    chance = random.Random(str(seed))
    by_kind: dict[str, list[Fault]] = {}
    for kind in KINDS:
        of_kind = sorted(
            (one for one in faults if one.kind == kind), key=lambda one: (one.site, one)
        )
        sites = groupby(of_kind, key=lambda one: one.site)
        by_kind[kind] = [chance.choice(list(variants)) for _, variants in sites]
    shares = dict.fromkeys(chance.sample(KINDS, len(KINDS)), 0)
    total = min(count, sum(map(len, by_kind.values())))
    for kind in cycle(shares):
        if sum(shares.values()) == total:
            break
        shares[kind] += shares[kind] < len(by_kind[kind])
    drawn = []
    for kind, share in shares.items():
        sites = by_kind[kind]
        for part in range(share):
            stretch = sites[part * len(sites) // share : (part + 1) * len(sites) // share]
            drawn.append(chance.sample(stretch, len(stretch)))
    return sorted(drawn, key=lambda choices: choices[0])


Change = tuple[int, int, str, str]  # site, start, before, after


class _Source:
    """The tokens of a source, and which of them are behaviour."""

    def __init__(self, text: str) -> None:
        self.text = text
        every = [
            Token(str(match.lastgroup), match[0], match.start(), match.end())
            for match in TOKEN.finditer(text)
        ]
        self.comments = [token for token in every if token.kind == "comment"]
        self.tokens = [token for token in every if token.kind not in ("comment", "other")]
        self.closing = self._match_brackets()
        self.assignments = self._find_assignments()
        self.active = [True] * len(self.tokens)
        self._leave_alone()

    def has_comment(self, start: int, end: int) -> bool:
        return any(start < comment.end and comment.start < end for comment in self.comments)

    def _match_brackets(self) -> dict[int, int]:
        closing, still_open = {}, []
        for index, token in enumerate(self.tokens):
            if token.text in BRACKETS:
                still_open.append(index)
            elif token.text in BRACKETS.values():
                closing[still_open.pop()] = index
        return closing

    def _at_level(self, index: int) -> Iterator[int]:
        """Yield the tokens from `index` to the end of its bracket, skipping nested brackets."""
        while index < len(self.tokens) and self.tokens[index].text not in BRACKETS.values():
            yield index
            index = self.closing.get(index, index) + 1

    def _before_at_level(self, index: int) -> Iterator[int]:
        """Yield the tokens before `index`, back to the start of its bracket."""
        opening = {close: start for start, close in self.closing.items()}
        index -= 1
        while index >= 0 and self.tokens[index].text not in BRACKETS:
            index = opening.get(index, index)
            yield index
            index -= 1

    def _find_assignments(self) -> set[int]:
        """Find the `=` and the `<=` that assign: the first of a statement, outside of brackets."""
        found, assigned = set(), False
        for index in self._at_level(0):
            text = self.tokens[index].text
            if text in (";", "begin", "end", "else"):
                assigned = False
            elif text == "=" or (text == "<=" and not assigned):
                found.add(index)
                assigned = True
        return found

    def _leave_alone(self) -> None:
        generating = False
        for index, token in enumerate(self.tokens):
            text = token.text
            if text in ("generate", "endgenerate"):
                generating = text == "generate"
            if text in ("module", "function"):
                self._deactivate(index, self._find(index, ";"))
            elif text == "localparam":
                for inner in range(index, self._find(index, ";")):
                    self.active[inner] = self.tokens[inner].kind == "sized"
            elif text in DECLARATIONS:
                self._leave_declaration(index)
            elif text in ("#", "@"):
                self._deactivate(index, self.closing.get(index + 1, index + 1))
            elif text == "for":
                end = self.closing[index + 1]
                first = self._find(index, ";")
                self._deactivate(index, end if generating else first)
                self._deactivate(self._find(first + 1, ";"), end)
            elif text == "{":
                self._leave_replication_count(index)
            elif text == "[":
                self._leave_part_select(index)

    def _find(self, index: int, text: str) -> int:
        return next(i for i in range(index, len(self.tokens)) if self.tokens[i].text == text)

    def _deactivate(self, first: int, last: int) -> None:
        self.active[first : last + 1] = [False] * (last + 1 - first)

    def _leave_declaration(self, index: int) -> None:
        """Leave all of a declaration but the values after each `=`."""
        end = self._find(index, ";")
        names = [self.tokens[i].text for i in self._at_level(index) if i < end]
        unused = any(name.startswith("unused") for name in names)
        declaring = True
        for inner in self._at_level(index):
            if inner >= end:
                return
            if self.tokens[inner].text in ("=", ","):
                declaring = self.tokens[inner].text == ","
            if declaring or unused:
                self._deactivate(inner, self.closing.get(inner, inner))

    def _leave_replication_count(self, index: int) -> None:
        inside = list(self._at_level(index + 1))
        brace = next((i for i in inside if self.tokens[i].text == "{"), index)
        commas = [i for i in inside if self.tokens[i].text == "," and i < brace]
        if brace > index + 1 and not commas and self._ends_operand(brace - 1):
            self._deactivate(index + 1, brace - 1)

    def _leave_part_select(self, index: int) -> None:
        for inner in self._at_level(index + 1):
            if self.tokens[inner].text in (":", "+:", "-:"):
                first = index + 1 if self.tokens[inner].text == ":" else inner
                self._deactivate(first, self.closing[index] - 1)
                return

    def _ends_operand(self, index: int) -> bool:
        token = self.tokens[index]
        return token.kind != "symbol" or token.text in BRACKETS.values()

    def operators(self) -> Iterator[Change]:
        """Yield each operator swapped with its neighbour, and each prefix removed."""
        for index, token in enumerate(self.tokens):
            if not self.active[index] or index in self.assignments or token.kind != "symbol":
                continue
            if token.text in REMOVED_AS_PREFIX and not self._ends_operand(index - 1):
                yield token.start, token.start, token.text, ""
            elif token.text in SWAPS:
                yield token.start, token.start, token.text, SWAPS[token.text]

    def constants(self) -> Iterator[Change]:
        """Yield each literal one higher or its last bit inverted, each index one off."""
        for index, token in enumerate(self.tokens):
            if token.text == "[" and (index == 0 or self._ends_operand(index - 1)):
                yield from self._moved_index(index)
            elif not self.active[index]:
                continue
            elif token.kind == "sized":
                for after in _other_values(token.text):
                    yield token.start, token.start, token.text, after
            elif token.kind == "integer" and not self._is_index(index):
                yield token.start, token.start, token.text, str(int(token.text) + 1)

    def _is_index(self, index: int) -> bool:
        return (self.tokens[index - 1].text, self.tokens[index + 1].text) == ("[", "]")

    def _moved_index(self, index: int) -> Iterator[Change]:
        start, end = self.tokens[index].start, self.tokens[self.closing[index]].end
        before = self.text[start:end]
        if not self.active[index] or not re.fullmatch(r"\[\d+(:\d+)?\]", before):
            return
        bounds = [int(bound) for bound in before[1:-1].split(":")]
        step = -1 if bounds[-1] > 0 else 1
        yield start, start, before, f"[{':'.join(str(bound + step) for bound in bounds)}]"

    def conditions(self) -> Iterator[Change]:
        """Yield each condition inverted, the arms of each choice exchanged, an operand dropped."""
        for index, token in enumerate(self.tokens):
            if not self.active[index]:
                continue
            if token.text == "if":
                condition = self._between(index + 1, self.closing[index + 1])
                yield token.start, self.tokens[index + 1].start, condition, f"(!{condition})"
            elif token.text == "?":
                yield from self._exchanged_arms(index)
            elif token.text in ("&&", "||"):
                yield from self._dropped_operands(index)

    def _between(self, first: int, last: int) -> str:
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def _exchanged_arms(self, question: int) -> Iterator[Change]:
        colon, last, nested = None, question, 0
        for index in self._at_level(question + 1):
            text = self.tokens[index].text
            ends_arm = text == ":" and nested == 0
            if text in (";", ",") or (ends_arm and colon):
                break
            if ends_arm:
                colon = index
            else:
                nested += (text == "?") - (text == ":")
            last = self.closing.get(index, index)
        if colon is None:
            return
        arms = self._between(question + 1, colon - 1), self._between(colon + 1, last)
        before = self._between(question + 1, last)
        then, otherwise = (f"({arm})" if "?" in arm else arm for arm in arms)
        start = self.tokens[question + 1].start
        yield self.tokens[question].start, start, before, f"{otherwise} : {then}"

    def _dropped_operands(self, operator: int) -> Iterator[Change]:
        ends = {"?", ":", ",", ";", "||"} | {self.tokens[operator].text}
        left, right = operator, operator
        for index in self._before_at_level(operator):
            if self.tokens[index].text in ends or index in self.assignments:
                break
            left = index
        for index in self._at_level(operator + 1):
            if self.tokens[index].text in ends:
                break
            right = self.closing.get(index, index)
        site, start = self.tokens[operator].start, self.tokens[left].start
        before = self._between(left, right)
        yield site, start, before, self._between(left, operator - 1)
        yield site, start, before, self._between(operator + 1, right)


def _other_values(literal: str) -> list[str]:
    match = LITERAL.fullmatch(literal)
    if match is None:
        return []
    base = BASES[match["base"]]
    value = int(match["digits"].replace("_", ""), base)
    others = dict.fromkeys([(value + 1) % 2 ** int(match["width"]), value ^ 1])
    prefix = f"{match['width']}'{match['sign']}{match['base']}"
    return [prefix + format(other, {2: "b", 10: "d", 16: "x"}[base]) for other in others]
