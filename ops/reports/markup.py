"""HTML and SVG as a tree: whatever is text is escaped, so that a name from a file cannot become markup."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

Child: TypeAlias = "Node | Raw | str | Sequence[Child] | None"
Value: TypeAlias = str | float | None

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that neither HTML nor XML can hold, and halves of pairs that UTF-8 cannot write."""


@dataclass(frozen=True)
class Raw:
    """Text that is written as it is: our own stylesheet and script."""

    text: str


@dataclass(frozen=True)
class Node:
    """An element with its attributes and children."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[Child, ...]

    def render(self) -> str:
        """The element as text, well-formed as XML as well as HTML."""
        written: list[str] = []
        _write(self, written)
        return "".join(written)


EMPTY = frozenset({"meta", "link", "br", "hr", "col", "wbr"})
"""Elements of HTML that have no content and no end tag."""


def _write(child: Child, written: list[str]) -> None:
    if child is None:
        return
    if isinstance(child, str):
        written.append(clean(child))
    elif isinstance(child, Raw):
        written.append(child.text)
    elif isinstance(child, Node):
        written.append(f"<{child.tag}")
        written.extend(f' {name}="{clean(value)}"' for name, value in child.attributes)
        if child.tag in EMPTY:
            written.append("/>")
            return
        written.append(">")
        for inner in child.children:
            _write(inner, written)
        written.append(f"</{child.tag}>")
    else:
        for inner in child:
            _write(inner, written)


def clean(text: str) -> str:
    """Text that stands for itself in markup."""
    return escape(_UNPRINTABLE.sub("\ufffd", text), quote=True)


def number(value: float) -> str:
    """A number of a drawing, to a hundredth of a pixel."""
    if not math.isfinite(value):
        raise ValueError(f"Expected a finite number to draw, got {value}.")
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def el(tag: str, *children: Child, **attributes: Value) -> Node:
    """An element. ``class_`` becomes ``class``, underscores become hyphens; attributes of value None are left out."""
    named = tuple(
        (name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else number(value))
        for name, value in attributes.items()
        if value is not None
    )
    return Node(tag, named, children)
