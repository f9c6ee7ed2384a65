"""Memories: the same digest everywhere, and copies that later folds do not change."""

from __future__ import annotations

from pydantic import BaseModel, Field

from agents.memory import Memory
from contracts.synthesis import SampleLost
from tests.agents.toys import lost


class Page(BaseModel):
    words: list[str] = Field(default_factory=list)


class Book(Memory):
    pages: dict[str, Page] = Field(default_factory=dict)
    pairs: tuple[Page, ...] = ()
    marks: set[int] = Field(default_factory=set)
    latest: SampleLost | None = None


def book() -> Book:
    return Book(pages={"a": Page(words=["one"])}, pairs=(Page(words=["two"]),), marks={1}, latest=lost(1))


def test_a_fork_is_changed_by_nothing_that_is_folded_later() -> None:
    """Containers are copied at every depth, whatever holds them."""
    memory, untouched = book(), book().digest()
    fork = memory.fork()
    memory.pages["a"].words.append("more")
    memory.pages["b"] = Page()
    memory.pairs[0].words.append("more")
    memory.marks.add(2)
    memory.latest = lost(2)
    assert fork.digest() == untouched != memory.digest()


def test_what_is_frozen_is_shared() -> None:
    """An event cannot change, so that a fork of thousands of them costs as many references."""
    memory = book()
    assert memory.fork().latest is memory.latest


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    """The same content remembered in another order is the same memory."""
    one = Book(pages={"a": Page(), "b": Page(words=["x"])})
    other = Book(pages={"b": Page(words=["x"]), "a": Page()})
    assert one.digest() == other.digest() != Book().digest()
