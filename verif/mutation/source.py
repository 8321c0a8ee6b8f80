"""Makes mutants in Verilog source: small changes of the text, each at one place.

What netlist mutation cannot express: another operator, constant or condition, an assignment left
out, another reset value, two connections of an instance exchanged.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from verif.mutation.design import Design
from verif.mutation.mutant import SOURCE, Mutant
from verif.mutation.tokens import Source

KINDS = ("operator", "constant", "condition", "assignment", "reset", "connection")

SWAPS = {
    **{"+": "-", "-": "+", "*": "+", "<<": ">>", ">>": "<<"},
    **{"&": "|", "|": "&", "^": "~^", "~^": "^", "&&": "||", "||": "&&"},
    **{"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"},
}
REMOVED_AS_PREFIX = ("-", "!", "~")
LITERAL = re.compile(r"(?P<width>\d+)'(?P<sign>s?)(?P<base>[bdh])(?P<digits>\w+)")
BASES = {"b": 2, "d": 10, "h": 16}
STATEMENT_ENDS = (";", "begin", "end", "else", ":", "(", "endcase", "endfunction")
CONTINUOUS = ("assign", "wire", "reg", "localparam", "parameter")

Change = tuple[int, int, str, str]
"""Site (what the variants of one place share), start, text before, text after."""


def make_mutants(module: str, design: Design) -> list[list[Mutant]]:
    """Return every mutant that can be made in a module's source.

    Parameters
    ----------
    module : str
        Name of the module, without ``ffp8_``.
    design : Design
        The design that it is in.

    Returns
    -------
    list of list of Mutant
        The variants of each place, ordered by place.
    """
    source = _Changes(design.sources[module], design)
    sites: dict[tuple[int, str], list[Mutant]] = {}
    texts = {source.text}
    for operation, site, start, before, after in sorted(source.all()):
        end = start + len(before)
        text = source.text[:start] + after + source.text[end:]
        if text in texts or source.has_comment(start, end):
            continue
        texts.add(text)
        line, whole = source.row(start)
        change = " ".join(before.split()) + " -> " + (" ".join(after.split()) or "(nothing)")
        mutant = Mutant(module, SOURCE, operation, line, whole, change, text)
        sites.setdefault((site, operation), []).append(mutant)
    return list(sites.values())


def draw(sites: Sequence[Sequence[Mutant]], count: int, seed: int | str) -> list[Mutant]:
    """Draw mutants, balanced over the kinds, from as many places as there are.

    Parameters
    ----------
    sites : Sequence of Sequence of Mutant
        What `make_mutants` found.
    count : int
        How many to draw; fewer are returned where there are not so many.
    seed : int or str
        What the draw depends on, and nothing else.
    """
    chance = random.Random(str(seed))
    queues: dict[str, list[Mutant]] = {kind: [] for kind in chance.sample(KINDS, len(KINDS))}
    shuffled = [chance.sample(site, len(site)) for site in chance.sample(sites, len(sites))]
    for mutants in zip_longest(*shuffled):
        for mutant in filter(None, mutants):
            queues[mutant.operation].append(mutant)
    turns = (mutant for turn in zip_longest(*queues.values()) for mutant in turn if mutant)
    drawn = [mutant for mutant, _ in zip(turns, range(count), strict=False)]
    return sorted(drawn, key=lambda mutant: (mutant.line, mutant.change))


class _Changes(Source):
    """The changes that can be made in a source."""

    def __init__(self, text: str, design: Design) -> None:
        super().__init__(text)
        self.design = design
        self.resets = list(self._reset_branches())

    def all(self) -> Iterator[tuple[str, int, int, str, str]]:
        """Yield all changes, each with its kind."""
        found = {"operator": self.operators(), "constant": self.constants()}
        found |= {"condition": self.conditions(), "assignment": self.assigned()}
        found |= {"connection": self.connections()}
        for kind, changes in found.items():
            for site, start, before, after in changes:
                at_reset = any(first <= start < last for first, last in self.resets)
                is_reset = at_reset and kind in ("constant", "assignment")
                yield ("reset" if is_reset else kind), site, start, before, after

    def _reset_branches(self) -> Iterator[tuple[int, int]]:
        """Yield the stretches of text that are carried out in reset."""
        for index, token in enumerate(self.tokens):
            if token.text == "if" and self.between(index + 1, self.closing[index + 1]) == "(rst)":
                first = self.closing[index + 1] + 1
                yield self.tokens[first].start, self.tokens[self.statement_end(first)].end

    def assigned(self) -> Iterator[Change]:
        """Yield each assignment of an always block or a function, left out."""
        for index in sorted(self.assignments):
            start, stopped_by = index, ""
            for before in self.before_at_level(index):
                stopped_by = self.tokens[before].text
                if stopped_by in STATEMENT_ENDS or stopped_by in CONTINUOUS:
                    break
                start = before
            if stopped_by in CONTINUOUS or start == index:
                continue
            place = self.tokens[start].start
            yield place, place, self.between(start, self.find(index, ";") - 1), ""

    def connections(self) -> Iterator[Change]:
        """Yield exchanged connections of ports of one direction and width, in each instance."""
        for child, _, ports in self.instances(self.design.sources):
            yield from self._exchanged_connections(ports, child)

    def _exchanged_connections(self, opening: int, child: str) -> Iterator[Change]:
        ports = self.design.ports(child)
        last: dict[tuple[str, str], tuple[int, int]] = {}  # name and bracket of a connection
        for index in self.at_level(opening + 1):
            if self.tokens[index].text != "." or self.closing[index + 2] == index + 3:
                continue
            name, bracket = index + 1, index + 2
            if self.tokens[name].text == "clk":
                continue
            shape = ports[self.tokens[name].text]
            if shape in last:
                there = last[shape]
                first, second = (self._connected(opened) for opened in (there[1], bracket))
                middle = self.between(self.closing[there[1]], bracket)
                begin = self.between(there[0] - 1, there[1])
                start = self.tokens[there[0] - 1].start
                before, after = first + middle + second, second + middle + first
                yield start, start, f"{begin}{before})", f"{begin}{after})"
            last[shape] = name, bracket

    def _connected(self, bracket: int) -> str:
        return self.between(bracket + 1, self.closing[bracket] - 1)

    def operators(self) -> Iterator[Change]:
        """Yield each operator swapped with its neighbour, and each prefix removed."""
        for index, token in enumerate(self.tokens):
            if not self.active[index] or index in self.assignments or token.kind != "symbol":
                continue
            if token.text in REMOVED_AS_PREFIX and not self.ends_operand(index - 1):
                yield token.start, token.start, token.text, ""
            elif token.text in SWAPS:
                yield token.start, token.start, token.text, SWAPS[token.text]

    def constants(self) -> Iterator[Change]:
        """Yield each literal one higher or its last bit inverted, each index one off."""
        for index, token in enumerate(self.tokens):
            if token.text == "[" and (index == 0 or self.ends_operand(index - 1)):
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
                condition = self.between(index + 1, self.closing[index + 1])
                yield token.start, self.tokens[index + 1].start, condition, f"(!{condition})"
            elif token.text == "?":
                yield from self._exchanged_arms(index)
            elif token.text in ("&&", "||"):
                yield from self._dropped_operands(index)

    def _exchanged_arms(self, question: int) -> Iterator[Change]:
        colon, last, nested = None, question, 0
        for index in self.at_level(question + 1):
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
        arms = self.between(question + 1, colon - 1), self.between(colon + 1, last)
        before = self.between(question + 1, last)
        then, otherwise = (f"({arm})" if "?" in arm else arm for arm in arms)
        start = self.tokens[question + 1].start
        yield self.tokens[question].start, start, before, f"{otherwise} : {then}"

    def _dropped_operands(self, operator: int) -> Iterator[Change]:
        ends = {"?", ":", ",", ";", "||"} | {self.tokens[operator].text}
        left, right = operator, operator
        for index in self.before_at_level(operator):
            if self.tokens[index].text in ends or index in self.assignments:
                break
            left = index
        for index in self.at_level(operator + 1):
            if self.tokens[index].text in ends:
                break
            right = self.closing.get(index, index)
        site, start = self.tokens[operator].start, self.tokens[left].start
        before = self.between(left, right)
        yield site, start, before, self.between(left, operator - 1)
        yield site, start, before, self.between(operator + 1, right)


def _other_values(literal: str) -> list[str]:
    match = LITERAL.fullmatch(literal)
    if match is None:
        return []
    base = BASES[match["base"]]
    value = int(match["digits"].replace("_", ""), base)
    others = dict.fromkeys([(value + 1) % 2 ** int(match["width"]), value ^ 1])
    prefix = f"{match['width']}'{match['sign']}{match['base']}"
    return [prefix + format(other, {2: "b", 10: "d", 16: "x"}[base]) for other in others]
