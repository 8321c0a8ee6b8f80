"""Reads Verilog as tokens, and tells which of them are behaviour.

What only shapes the design (headers, declared widths, part selects, replication counts, loop
variables) is not, so that a change of what is compiles and changes what the circuit does.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<other>"(?:\\.|[^"\\\n])*"
    |`(?:define|default_nettype|endif|ifdef|ifndef|include|timescale)\b[^\n]*|`\w+|\s+)
    |(?P<sized>\d+'s?[bdh][\da-fA-F_]+)|(?P<integer>\d[\d_]*)|(?P<word>[A-Za-z_$][\w$]*)
    |(?P<symbol>[-+]:|<<|>>|<=|>=|==|!=|&&|\|\||~\^|.)""",
    re.VERBOSE | re.DOTALL,
)
BRACKETS = {"(": ")", "[": "]", "{": "}"}
DECLARATIONS = ("wire", "reg", "integer", "genvar")


class Token(NamedTuple):
    """A token: its kind (a group of `TOKEN`), text and place in the source."""

    kind: str
    text: str
    start: int
    end: int


class Source:
    """The tokens of a source, and which of them are behaviour.

    Attributes
    ----------
    text : str
        Verilog-2005.
    tokens : list of Token
        All but comments and white space.
    closing : dict
        Index of the bracket that closes the one at an index.
    assignments : set of int
        Indices of the ``=`` and ``<=`` that assign.
    active : list of bool
        Whether a token is behaviour.
    """

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
        """Return whether a comment reaches into the text between two offsets."""
        return any(start < comment.end and comment.start < end for comment in self.comments)

    def _match_brackets(self) -> dict[int, int]:
        closing, still_open = {}, []
        for index, token in enumerate(self.tokens):
            if token.text in BRACKETS:
                still_open.append(index)
            elif token.text in BRACKETS.values():
                closing[still_open.pop()] = index
        return closing

    def at_level(self, index: int) -> Iterator[int]:
        """Yield the tokens from `index` to the end of its bracket, skipping nested brackets."""
        while index < len(self.tokens) and self.tokens[index].text not in BRACKETS.values():
            yield index
            index = self.closing.get(index, index) + 1

    def before_at_level(self, index: int) -> Iterator[int]:
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
        for index in self.at_level(0):
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
            if text == "module":
                self._deactivate(index, self.find(index, ";"))
            elif text == "localparam":
                for inner in range(index, self.find(index, ";")):
                    self.active[inner] = self.tokens[inner].kind == "sized"
            elif text in DECLARATIONS:
                self._leave_declaration(index)
            elif text in ("#", "@"):
                self._deactivate(index, self.closing.get(index + 1, index + 1))
            elif text == "for":
                end = self.closing[index + 1]
                first = self.find(index, ";")
                self._deactivate(index, end if generating else first)
                self._deactivate(self.find(first + 1, ";"), end)
            elif text == "{":
                self._leave_replication_count(index)
            elif text == "[":
                self._leave_part_select(index)

    def find(self, index: int, text: str) -> int:
        """Return the first token with this text, from `index` on."""
        return next(i for i in range(index, len(self.tokens)) if self.tokens[i].text == text)

    def _deactivate(self, first: int, last: int) -> None:
        self.active[first : last + 1] = [False] * (last + 1 - first)

    def _leave_declaration(self, index: int) -> None:
        """Leave all of a declaration but the values after each `=`."""
        end = self.find(index, ";")
        names = [self.tokens[i].text for i in self.at_level(index) if i < end]
        unused = any(name.startswith("unused") for name in names)
        declaring = True
        for inner in self.at_level(index):
            if inner >= end:
                return
            if self.tokens[inner].text in ("=", ","):
                declaring = self.tokens[inner].text == ","
            if declaring or unused:
                self._deactivate(inner, self.closing.get(inner, inner))

    def _leave_replication_count(self, index: int) -> None:
        inside = list(self.at_level(index + 1))
        brace = next((i for i in inside if self.tokens[i].text == "{"), index)
        commas = [i for i in inside if self.tokens[i].text == "," and i < brace]
        if brace > index + 1 and not commas and self.ends_operand(brace - 1):
            self._deactivate(index + 1, brace - 1)

    def _leave_part_select(self, index: int) -> None:
        for inner in self.at_level(index + 1):
            if self.tokens[inner].text in (":", "+:", "-:"):
                first = index + 1 if self.tokens[inner].text == ":" else inner
                self._deactivate(first, self.closing[index] - 1)
                return

    def between(self, first: int, last: int) -> str:
        """Return the text from one token to another, both included."""
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def statement_end(self, index: int) -> int:
        """Return the last token of the statement that begins at `index`."""
        if self.tokens[index].text != "begin":
            return self.find(index, ";")
        depth = 0
        for inner in range(index, len(self.tokens)):
            text = self.tokens[inner].text
            depth += (text in ("begin", "case")) - (text in ("end", "endcase"))
            if depth == 0:
                return inner
        raise ValueError(f"line {self.line(self.tokens[index].start)}: begin without end")

    def line(self, offset: int) -> int:
        """Return the line of an offset, from 1."""
        return self.text.count("\n", 0, offset) + 1

    def row(self, offset: int) -> tuple[int, str]:
        """Return the line of an offset, from 1, and what stands there, comment apart."""
        line = self.line(offset)
        return line, self.text.splitlines()[line - 1].partition("//")[0].strip()

    def instances(self, modules: Container[str]) -> Iterator[tuple[str, int | None, int]]:
        """Yield each instance of a module of the design.

        That is the module without ``ffp8_``, and the brackets that open its parameters, None if
        it has none, and its ports.
        """
        for index, token in enumerate(self.tokens):
            child = token.text.removeprefix("ffp8_")
            if token.text == child or child not in modules:
                continue
            if self.tokens[index - 1].text == "module":
                continue
            name, settings = index + 1, None
            if self.tokens[name].text == "#":
                settings = name + 1
                name = self.closing[settings] + 1
            yield child, settings, name + 1

    def ends_operand(self, index: int) -> bool:
        """Return whether the token ends an operand, so that an operator after it is binary."""
        token = self.tokens[index]
        return token.kind != "symbol" or token.text in BRACKETS.values()
