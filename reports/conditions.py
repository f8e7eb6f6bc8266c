"""`--where`: conditions on columns, such as `parameters < 5e6 and family = plain_cnn`.

    expression = condition { "and" condition }
    condition  = COLUMN ( "<" | "<=" | ">" | ">=" | "=" | "==" | "!=" ) VALUE
    VALUE      = number | true | false | null | word | 'text' | "text"

A row that has nothing in the column meets no condition but `= null` and `!= VALUE`.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from neurosweep.errors import UserError
from reports.columns import resolve_column

__all__ = ["Condition", "parse_conditions"]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_TOKEN = re.compile(
    r"""\s*(?: (?P<operator><=|>=|!=|==|<|>|=)
             | (?P<text>'[^']*'|"[^"]*")
             | (?P<word>[^\s<>=!'"]+) )""",
    re.VERBOSE,
)
_NAMED = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Condition:
    """One comparison of a resolved column with a value."""

    column: str
    operator: str
    value: bool | float | str | None

    def holds(self, found: object) -> bool:
        """Tell whether a value of its column meets it.

        Raises:
            UserError: The value is text and the condition's a number, or the other way round; or
                it is an object.
        """
        if found is None or self.value is None:
            return self.operator in ("=", "==", "!=") and _OPERATORS[self.operator](
                found, self.value
            )
        if isinstance(found, dict):
            raise UserError(
                f"--where compares text and numbers; {self.column} holds objects. "
                "Compare with null, or use a hyperparameter by its name."
            )
        if isinstance(found, str) != isinstance(self.value, str):
            raise UserError(
                f"--where compares text with text and numbers with numbers; {self.column} "
                f"holds {found!r}, received {self.value!r}. Put text into quotes."
            )
        return _OPERATORS[self.operator](found, self.value)


def parse_conditions(expression: str, known: Sequence[str]) -> tuple[Condition, ...]:
    """Read an expression; `known` are the columns there are.

    Raises:
        UserError: It does not follow the grammar, or names an unknown column.
    """
    tokens = _tokens(expression)
    # Column, operator and value, and an "and" between each three of them.
    groups = [tokens[start : start + 4] for start in range(0, len(tokens), 4)]
    whole = all(len(group) == 4 for group in groups[:-1]) and groups and len(groups[-1]) == 3
    if not whole or any(group[3] != ("word", "and") for group in groups[:-1]):
        raise _refused(expression)
    return tuple(_condition(group, known, expression) for group in groups)


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    end = 0
    while end < len(expression.rstrip()):
        match = _TOKEN.match(expression, end)
        if match is None:
            raise _refused(expression)
        kind = str(match.lastgroup)
        found = match[kind].lower() if match[kind].lower() == "and" else match[kind]
        tokens.append((kind, found))
        end = match.end()
    return tokens


def _condition(
    group: Sequence[tuple[str, str]], known: Sequence[str], expression: str
) -> Condition:
    (kind, column), (middle, sign), (value_kind, value) = group[:3]
    if kind != "word" or middle != "operator" or value_kind == "operator":
        raise _refused(expression)
    return Condition(resolve_column(column, known), sign, _value(value_kind, value))


def _value(kind: str, text: str) -> bool | float | str | None:
    if kind == "text":
        return text[1:-1]
    if text.lower() in _NAMED:
        return _NAMED[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text


def _refused(expression: str) -> UserError:
    return UserError(
        "--where takes COLUMN OPERATOR VALUE, joined by `and`, with the operators "
        f"{' '.join(_OPERATORS)}; received {expression!r}. "
        'For example: --where "parameters < 5e6 and family = plain_cnn"'
    )
