"""Faults of priority: two events of one cycle of which the other one wins."""

from __future__ import annotations

from collections.abc import Iterator

from verif.mutation.tokens import Source

Change = tuple[int, str, str, str]
"""Start, text before, text after, and what is added at the module's end."""


class Priorities(Source):
    """A source whose conditions can be put into another order."""

    def priority_faults(self) -> Iterator[Change]:
        """Yield chains of conditions in another order, and clears that win over sets."""
        for index, token in enumerate(self.tokens):
            if token.text == "if":
                yield from self._swapped_branches(index)
            elif token.text == "?" and self.active[index]:
                yield from self._swapped_choices(index)
            elif token.text in ("|", "||", "&", "&&") and self.active[index]:
                yield from self._swapped_set(index)

    def _swapped_branches(self, index: int) -> Iterator[Change]:
        """Exchange the first two branches of a chain, or two conditions one after the other."""
        first_end = self._branch_end(index)
        if first_end is None or first_end + 2 >= len(self.tokens):
            return
        chained = self.tokens[first_end + 1].text == "else"
        second = first_end + 2 if chained else first_end + 1
        if self.tokens[second].text != "if":
            return
        second_end = self._branch_end(second)
        if second_end is None:
            return
        if not chained and not self._targets(index, first_end) & self._targets(second, second_end):
            return
        one, other = self.between(index, first_end), self.between(second, second_end)
        whole = self.between(index, second_end)
        yield self.tokens[index].start, whole, f"{other}{' else ' if chained else ' '}{one}", ""

    def _branch_end(self, index: int) -> int | None:
        """Return the last token of ``if (...) statement``, None where it has an inner if."""
        body = self.closing[index + 1] + 1
        return None if self.tokens[body].text in ("if", "for") else self.statement_end(body)

    def _targets(self, first: int, last: int) -> set[str]:
        places = [place for place in self.assignments if first <= place <= last]
        return {self.tokens[self.assignment_start(place)].text for place in places}

    def _swapped_choices(self, question: int) -> Iterator[Change]:
        """Exchange the two conditions of ``a ? x : b ? y : z``, with what they choose."""
        colon = next((i for i in self.at_level(question + 1) if self.tokens[i].text == ":"), None)
        if colon is None:
            return
        inner = None
        for place in self.at_level(colon + 1):
            if self.tokens[place].text in (";", ",", ":"):
                break
            if self.tokens[place].text == "?":
                inner = place
                break
        if inner is None:
            return
        inner_colon = next(i for i in self.at_level(inner + 1) if self.tokens[i].text == ":")
        start = question
        for place in self.before_at_level(question):
            if place in self.assignments or self.tokens[place].text in (";", ",", ":", "?"):
                break
            start = place
        a, x = self.between(start, question - 1), self.between(question + 1, colon - 1)
        b, y = self.between(colon + 1, inner - 1), self.between(inner + 1, inner_colon - 1)
        whole = self.between(start, inner_colon)
        yield self.tokens[start].start, whole, f"{b} ? {y} : {a} ? {x} :", ""

    def _swapped_set(self, index: int) -> Iterator[Change]:
        """Let a clear win over a set: ``(q & ~clear) | set`` and ``(q || set) && !clear``."""
        opening = {close: start for start, close in self.closing.items()}
        close = index - 1
        if self.tokens[close].text != ")":
            return
        start = opening[close]
        inside = [
            i for i in self.at_level(start + 1) if self.tokens[i].text in ("&", "&&", "|", "||")
        ]
        inside = [i for i in inside if i < close]
        outer = self.tokens[index].text
        others = ("&", "&&") if outer in ("|", "||") else ("|", "||")
        if len(inside) != 1 or self.tokens[inside[0]].text not in others:
            return
        last = index
        for place in self.at_level(index + 1):
            if self.tokens[place].text in (";", ",", ":", "?", "&&", "||", "|"):
                break
            last = self.closing.get(place, place)
        held = self.between(start + 1, inside[0] - 1)
        first = self.between(inside[0] + 1, close - 1)
        second = self.between(index + 1, last)
        after = f"(({held} {outer} {second}) {self.tokens[inside[0]].text} {first})"
        yield self.tokens[start].start, self.between(start, last), after, ""

    def assignment_start(self, place: int) -> int:
        """Return the first token of the assignment whose arrow or equals sign is at a place."""
        start = place
        for before in self.before_at_level(place):
            if self.tokens[before].text in (";", "begin", "end", "else", ":", "("):
                break
            start = before
        if self.tokens[start].text == "if":
            start = self.closing[start + 1] + 1
        return start
