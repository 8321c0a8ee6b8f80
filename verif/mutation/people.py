"""Makes mutants of the kinds that people make: at wires, resets, priorities, cycles and sizes.

They are what an engineer writes by mistake where every operator and constant is right: see `KINDS`.
Each is a change of the source at one place, besides a register that a later cycle may need.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from verif.mutation.design import Design
from verif.mutation.mutant import SOURCE, Mutant
from verif.mutation.priorities import Change, Priorities

KINDS = {
    "pin": "a pin of an instance left open, or an input of it fixed to 0 or 1",
    "parameter": "a parameter of an instance left out, fixed, or exchanged with the one before it",
    "unreset": "one register that only power-up clears, and no later reset",
    "priority": "two events of one cycle of which the other one wins",
    "timing": "a condition seen a cycle early or late, or held a cycle too short or too long",
    "short": "a counter, a loop or an index that stops short of its range",
    "build": "a fault at one value of one parameter, of those that the benches build",
}

SIZED = ("parameter", "short", "build")
"""Kinds that show at some sizes only: the small ones alone neither kill nor prove them."""

CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")
LOOP_STOPS = (4, 12, 16)
Values = Mapping[str, Sequence[int]]
"""Values of each parameter of a module that benches build."""


def make_mutants(module: str, design: Design, values: Values) -> list[Mutant]:
    """Return every mutant of these kinds that can be made in a module's source."""
    source = _Faults(design.sources[module], design, values)
    mutants, texts = [], {source.text}
    for kind in KINDS:
        for start, before, after, added in getattr(source, f"{kind}_faults")():
            end = start + len(before)
            text = source.text[:start] + after + source.text[end:]
            text = text.replace("\nendmodule", f"\n{added}\nendmodule", 1) if added else text
            if text in texts or source.has_comment(start, end):
                continue
            texts.add(text)
            line, whole = source.row(start)
            change = f"{' '.join(before.split())} -> {' '.join(after.split()) or '(nothing)'}"
            change += f", {' '.join(added.split())}" if added else ""
            mutants.append(Mutant(module, SOURCE, kind, line, whole, change, text))
    return mutants


def draw(mutants: Sequence[Mutant], count: int, seed: int | str) -> list[Mutant]:
    """Draw so many of each kind, spread over the modules, from a seed alone."""
    chance, drawn = random.Random(str(seed)), []
    for kind in KINDS:
        queues: dict[str, list[Mutant]] = {}
        for mutant in mutants:
            if mutant.operation == kind:
                queues.setdefault(mutant.module, []).append(mutant)
        shuffled = [chance.sample(queue, len(queue)) for queue in queues.values()]
        turns = zip_longest(*chance.sample(shuffled, len(shuffled)))
        drawn += [one for turn in turns for one in turn if one][:count]
    return sorted(drawn, key=lambda mutant: (mutant.module, mutant.line, mutant.change))


class _Faults(Priorities):
    """The faults that people could make in a source."""

    def __init__(self, text: str, design: Design, values: Values) -> None:
        super().__init__(text)
        self.design, self.values = design, values
        header = re.match(r"[^;]*;", text[text.index("module ffp8_") :], re.DOTALL)
        self.parameters = re.findall(r"parameter\s+(\w+)\s*=", header[0] if header else "")
        self.scalars = set(re.findall(r"\b(?:wire|reg)\s+(\w+)\s*[,;=)]", text))
        self.scalars |= set(re.findall(r"\b(?:wire|reg)\s+(\w+)\s*(?=\n|//)", text))

    # Instances.

    def named(self, opening: int) -> list[tuple[int, str, int]]:
        """Return the connections in a bracket: the dot, the name, the bracket of each."""
        dots = [i for i in self.at_level(opening + 1) if self.tokens[i].text == "."]
        return [(dot, self.tokens[dot + 1].text, dot + 2) for dot in dots]

    def pin_faults(self) -> Iterator[Change]:
        """Yield pins that are left open, and inputs that are fixed."""
        for child, _, ports in self.instances(self.design.sources):
            directions = self.design.ports(child)
            for _, name, bracket in self.named(ports):
                if name == "clk" or self.closing[bracket] == bracket + 1:
                    continue
                before = self.between(bracket, self.closing[bracket])
                direction, width = directions[name]
                fixed = ("(1'b0)", "(~0)" if width else "(1'b1)") * (direction == "input")
                for after in ("()", *fixed):
                    yield self.tokens[bracket].start, before, after, ""

    def parameter_faults(self) -> Iterator[Change]:
        """Yield parameters that are left out, fixed at a value that benches build, or exchanged."""
        for _, settings, _ in self.instances(self.design.sources):
            if settings is None:
                continue
            named = self.named(settings)
            for place, (dot, _, bracket) in enumerate(named):
                first, last = self.tokens[dot].start, self.tokens[self.closing[bracket]].end
                if place + 1 < len(named):
                    last = self.tokens[named[place + 1][0]].start
                elif place:
                    first = self.tokens[self.closing[named[place - 1][2]]].end
                yield first, self.text[first:last], "", ""
                connected = self.between(bracket, self.closing[bracket])
                for value in self.values.get(connected[1:-1].strip(), ()):
                    yield self.tokens[bracket].start, connected, f"({value})", ""
                if place:
                    there = named[place - 1][2]
                    whole = self.between(there, self.closing[bracket])
                    old, new = (self.between(one, self.closing[one]) for one in (there, bracket))
                    middle = whole[len(old) : len(whole) - len(new)]
                    yield self.tokens[there].start, whole, f"{new}{middle}{old}", ""

    # Resets.

    def unreset_faults(self) -> Iterator[Change]:
        """Yield registers that are cleared at power-up alone."""
        for index, token in enumerate(self.tokens):
            if token.text != "if" or self.between(index + 1, self.closing[index + 1]) != "(rst)":
                continue
            first = self.closing[index + 1] + 1
            last = self.statement_end(first)
            for place in sorted(self.assignments):
                if not first <= place <= last or self._in_loop(place):
                    continue
                start = self.assignment_start(place)
                if start < first:
                    continue
                target = self.between(start, place - 1)
                end = self.find(place, ";")
                value = self.between(place + 1, end - 1)
                whole = self.between(start, end)
                yield self.tokens[start].start, whole, ";", f"initial {target} = {value};"
                names = re.findall(r"\w+", target) if target.startswith("{") else []
                for name in names:  # one of several
                    kept = "".join(f"{one} <= 0; " for one in names if one != name)
                    after = f"begin {kept}end"
                    yield self.tokens[start].start, whole, after, f"initial {name} = 0;"

    def _in_loop(self, place: int) -> bool:
        line = self.text.rfind("\n", 0, self.tokens[place].start)
        return "for (" in self.text[line : self.tokens[place].start]

    # Cycles.

    def timing_faults(self) -> Iterator[Change]:
        """Yield operands of conditions that are seen early or late, or too short or too long."""
        if "input  wire" not in self.text or "clk" not in self.text:
            return
        early = {target: value for target, value in re.findall(r"\b(\w+_q) <= (\w+);", self.text)}
        for index, token in enumerate(self.tokens):
            if not self.active[index] or token.kind != "word" or not self._is_operand(index):
                continue
            name = token.text
            if name in early:
                yield token.start, name, early[name], ""
            if name not in self.scalars or name in ("clk", "rst"):
                continue
            late = "reg late_q; always @(posedge clk) late_q <= " + name + ";"
            for after in ("late_q", f"(late_q && {name})", f"(late_q || {name})"):
                yield token.start, name, after, late

    def _is_operand(self, index: int) -> bool:
        """Whether a word is a whole operand of a condition or of an expression of one bit."""
        if index + 1 == len(self.tokens):
            return False
        before, after = self.tokens[index - 1].text, self.tokens[index + 1].text
        if before not in ("&&", "||", "!", "(", "=", "<="):
            return False
        if after not in ("&&", "||", ")", ";", "?"):
            return False
        connects = before == "(" and self.tokens[index - 3].text == "."
        return not connects and (before not in ("=", "<=") or index - 1 in self.assignments)

    # Sizes.

    def short_faults(self) -> Iterator[Change]:
        """Yield loops, counters and limits that stop short of their range."""
        loops = 0  # where the head of the last loop ends
        for index, token in enumerate(self.tokens):
            if token.text == "for":
                loops = self.closing[index + 1]
                first = self.find(index, ";")
                second = self.find(first + 1, ";")
                condition = self.between(first + 1, second - 1)
                yield from self._shorter_loop(first + 1, condition)
            elif token.text == "reg" and self.tokens[index + 1].text == "[":
                close = self.closing[index + 1]
                width = self.between(index + 1, close)
                if width.endswith("-1:0]"):
                    yield self.tokens[index + 1].start, width, width[:-5] + "-2:0]", ""
            elif token.text in ("==", "!=", "<", ">=") and self.active[index] and index > loops:
                yield from self._lower_limit(index)

    def _shorter_loop(self, first: int, condition: str) -> Iterator[Change]:
        """End a loop one turn early, or where an array is as large as what people try first."""
        start, name = self.tokens[first].start, self.tokens[first].text
        if ">=" in condition:  # it counts down
            yield start, condition, condition.replace(">=", ">"), ""
            return
        yield start, condition, f"{condition} - 1", ""
        bound = condition.partition("<")[2].strip()
        for stop in LOOP_STOPS:
            if stop < max(self.values.get(bound, (0,))):
                yield start, condition, f"{condition} && {name} < {stop}", ""

    def _lower_limit(self, index: int) -> Iterator[Change]:
        """Compare with one less than a limit that is a parameter, or in too few bits."""
        limit = index + 1
        if not CAPITALS.fullmatch(self.tokens[limit].text):
            return
        last = self.closing[limit + 1] if self.tokens[limit + 1].text == "[" else limit
        before = self.between(limit, last)
        yield self.tokens[limit].start, before, f"({before} - 1'b1)", ""

    def build_faults(self) -> Iterator[Change]:
        """Yield widths and conditions that are wrong at one value of one parameter."""
        settings = [
            f"{name} == {value}" for name in self.parameters for value in self.values.get(name, ())
        ]
        for index, token in enumerate(self.tokens):
            if token.text == "localparam" and self.tokens[index + 1].text != "[":
                place, end = self.find(index, "="), self.find(index, ";")
                whole = self.text[self.tokens[place].end : self.tokens[end].start]
                value = whole.lstrip()
                start = self.tokens[end].start - len(value)
                for setting in settings:
                    yield start, value, f"({value}) - ({setting})", ""
            elif token.text == "if" and self.active[index]:
                condition = self.between(index + 1, self.closing[index + 1])
                if condition == "(rst)" or any(
                    CAPITALS.fullmatch(self.tokens[i].text)
                    for i in range(index + 1, self.closing[index + 1])
                ):
                    continue
                for setting in settings:
                    after = f"({condition} && !({setting}))"
                    yield self.tokens[index + 1].start, condition, after, ""
