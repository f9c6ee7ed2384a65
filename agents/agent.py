"""What an agent is: a name, a memory folded from events, and reactions that yield events.

Memory is changed by pure folds only; live and in replay the same folds run. Reactions act: they may take
long, ask instruments and compute, and what they yield is stored before they go on. An agent never
publishes, acknowledges, reads a clock or rolls dice; the runtime does, and gives it `now` and `rng`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from agents.errors import DeclarationError, FoldError, NotAttachedError
from agents.memory import Memory
from contracts.event import Event
from contracts.materials import ArtifactRef
from contracts.presence import WorkTakenUp

if TYPE_CHECKING:
    from numpy.random import Generator

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="Memory")
E1 = TypeVar("E1", bound=Event)
E2 = TypeVar("E2", bound=Event)
E3 = TypeVar("E3", bound=Event)
E4 = TypeVar("E4", bound=Event)
E5 = TypeVar("E5", bound=Event)

FoldMethod = Callable[[Any, E1], None]
ReactionMethod = Callable[[Any, E1], AsyncIterator[Event]]


class Workbench(Protocol):
    """What the runtime lends to an agent."""

    async def compute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs heavy science in a worker process and returns its result."""
        ...

    async def fetch(self, ref: ArtifactRef) -> bytes:
        """The content of an artefact, checked against its digest."""
        ...

    async def keep(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """Stores an artefact and returns the reference to put into an event."""
        ...

    async def wait_until(self, when: datetime) -> None:
        """Returns when the lab's clock shows `when`."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What a fold or reaction may know beyond its event."""

    now: datetime
    """When the event happened on the lab's clock."""
    rng: Callable[[], Generator]
    """Dice seeded by campaign, agent and event: thrown again they fall the same."""
    told: tuple[Event, ...] = ()
    """What this reaction has said about its event before, in order: after a crash, or after it raised."""


MOMENT: ContextVar[Moment] = ContextVar("moment")


@dataclass(frozen=True, slots=True)
class Reaction:
    """One reaction of an agent."""

    method: Callable[[Any, Any], AsyncIterator[Event]]
    long: bool
    """Whether the agent goes on listening while it runs, because it waits for an instrument. It sees the memory that
    its event found all the same."""


class _Declared:
    """Marks a method; `Agent.__init_subclass__` files it and puts the method back."""

    def __init__(self, kinds: tuple[type[Event], ...], method: Callable[..., Any], **marks: bool) -> None:
        self.kinds, self.method, self.marks = kinds, method, marks


def _check(where: str, declared: _Declared) -> None:
    """What would go wrong in silence at run time is said when the class is defined.

    Raises:
        DeclarationError: kinds are missing or repeated, or the method cannot be run as what it is declared to be.
    """
    if isinstance(declared.method, _Declared):
        raise DeclarationError(f"Expected one declaration on {where}, got two: a method folds or reacts, not both.")
    if not declared.kinds or len(set(declared.kinds)) != len(declared.kinds):
        got = ", ".join(k.__name__ for k in declared.kinds) or "none"
        raise DeclarationError(f"Expected each event kind once on {where}, got {got}.")
    reacts = "long" in declared.marks
    if reacts and not inspect.isasyncgenfunction(declared.method):
        raise DeclarationError(f"Expected the reaction {where} to be an async generator (async def with yield).")
    if not reacts and (
        inspect.iscoroutinefunction(declared.method)
        or inspect.isgeneratorfunction(declared.method)
        or inspect.isasyncgenfunction(declared.method)
    ):
        raise DeclarationError(f"Expected the fold {where} to be a plain method: a fold that waits is not pure.")


@overload
def folds(k1: type[E1], /) -> Callable[[FoldMethod[E1]], FoldMethod[E1]]: ...
@overload
def folds(k1: type[E1], k2: type[E2], /) -> Callable[[FoldMethod[E1 | E2]], FoldMethod[E1 | E2]]: ...
@overload
def folds(
    k1: type[E1], k2: type[E2], k3: type[E3], /
) -> Callable[[FoldMethod[E1 | E2 | E3]], FoldMethod[E1 | E2 | E3]]: ...
@overload
def folds(
    k1: type[E1], k2: type[E2], k3: type[E3], k4: type[E4], /
) -> Callable[[FoldMethod[E1 | E2 | E3 | E4]], FoldMethod[E1 | E2 | E3 | E4]]: ...
@overload
def folds(
    k1: type[E1], k2: type[E2], k3: type[E3], k4: type[E4], k5: type[E5], /
) -> Callable[[FoldMethod[E1 | E2 | E3 | E4 | E5]], FoldMethod[E1 | E2 | E3 | E4 | E5]]: ...
def folds(*kinds: type[Event]) -> Any:
    """Declares a pure method that puts events of these kinds into memory."""
    return lambda method: _Declared(kinds, method)


@overload
def on(k1: type[E1], /, *, long: bool = ...) -> Callable[[ReactionMethod[E1]], ReactionMethod[E1]]: ...
@overload
def on(
    k1: type[E1], k2: type[E2], /, *, long: bool = ...
) -> Callable[[ReactionMethod[E1 | E2]], ReactionMethod[E1 | E2]]: ...
@overload
def on(
    k1: type[E1], k2: type[E2], k3: type[E3], /, *, long: bool = ...
) -> Callable[[ReactionMethod[E1 | E2 | E3]], ReactionMethod[E1 | E2 | E3]]: ...
@overload
def on(
    k1: type[E1], k2: type[E2], k3: type[E3], k4: type[E4], /, *, long: bool = ...
) -> Callable[[ReactionMethod[E1 | E2 | E3 | E4]], ReactionMethod[E1 | E2 | E3 | E4]]: ...
@overload
def on(
    k1: type[E1], k2: type[E2], k3: type[E3], k4: type[E4], k5: type[E5], /, *, long: bool = ...
) -> Callable[[ReactionMethod[E1 | E2 | E3 | E4 | E5]], ReactionMethod[E1 | E2 | E3 | E4 | E5]]: ...
def on(*kinds: type[Event], long: bool = False) -> Any:
    """Declares a reaction to events of these kinds: an async generator that yields events.

    Args:
        kinds: the events it reacts to.
        long: it waits for an instrument; the agent goes on listening meanwhile, but the reaction goes on seeing
            its memory as it was at its event.
    """
    return lambda method: _Declared(kinds, method, long=long)


class Agent(Generic[M]):
    """One autonomous agent. Subclasses declare `name`, what it `yields`, folds and reactions.

    A subclass inherits what its parents declare and adds to it; parents fold and react first. A declared
    method cannot be replaced under its own name, because the parent's would go on running unseen.
    """

    name: ClassVar[str]
    yields: ClassVar[tuple[type[Event], ...]] = ()
    """The kinds of events that it may say; the broker lets it say no others."""
    fold_table: ClassVar[dict[type[Event], tuple[Callable[[Any, Any], None], ...]]] = {}
    reaction_table: ClassVar[dict[type[Event], tuple[Reaction, ...]]] = {}
    _declared_names: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Files what the class body declared, after what its parents declared."""
        super().__init_subclass__(**kwargs)
        cls.fold_table, cls.reaction_table = dict(cls.fold_table), dict(cls.reaction_table)
        taken = cls._declared_names
        for name, declared in list(vars(cls).items()):
            if name in taken:
                raise DeclarationError(
                    f"Expected another name than {cls.__name__}.{name}, which a parent declares as a fold or reaction: "
                    "both would run. Give it a name of its own."
                )
            if not isinstance(declared, _Declared):
                continue
            _check(f"{cls.__name__}.{name}", declared)
            cls._declared_names |= {name}
            setattr(cls, name, declared.method)
            for kind in declared.kinds:
                if "long" in declared.marks:
                    reaction = Reaction(declared.method, declared.marks["long"])
                    cls.reaction_table[kind] = (*cls.reaction_table.get(kind, ()), reaction)
                else:
                    cls.fold_table[kind] = (*cls.fold_table.get(kind, ()), declared.method)

    def __init__(self, memory: M) -> None:
        if not isinstance(getattr(self, "name", None), str):
            raise DeclarationError(f"Expected a class attribute `name` on {type(self).__name__}, got none.")
        self.memory = memory
        self._workbench: Workbench | None = None

    @classmethod
    def kinds(cls) -> tuple[type[Event], ...]:
        """Every kind that the agent folds or reacts to."""
        return tuple({**cls.fold_table, **cls.reaction_table})

    def fold(self, event: Event) -> None:
        """Puts one event into memory.

        Raises:
            FoldError: a fold raised; the memory must not be used any more.
        """
        for method in self.fold_table.get(type(event), ()):
            try:
                method(self, event)
            except Exception as error:
                raise FoldError(self.name, event.kind, f"{type(error).__name__}: {error}") from error

    def still(self) -> Self:
        """This agent with its memory as it is now, whatever is folded meanwhile.

        What a long reaction says must not depend on how much its agent happens to have heard while it waited.
        """
        stills = copy.copy(self)
        stills.memory = self.memory.fork()
        return stills

    def takes_up(self, taken: WorkTakenUp) -> bool:  # noqa: ARG002  for those who ask
        """Whether work of its own that was set aside is still to be done: asked when that it is taken up is folded."""
        return True

    def attach(self, workbench: Workbench) -> None:
        """Lends the agent what reactions need."""
        self._workbench = workbench

    @property
    def bench(self) -> Workbench:
        """What the runtime lends.

        Raises:
            NotAttachedError: no runtime has lent anything.
        """
        if self._workbench is None:
            raise NotAttachedError(f"Expected {self.name} to be attached to a runtime, got a bare agent.")
        return self._workbench

    async def compute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs heavy science in a worker process."""
        return await self.bench.compute(fn, *args, **kwargs)

    @property
    def now(self) -> datetime:
        """When the event that is being folded or reacted to happened."""
        return MOMENT.get().now

    @property
    def rng(self) -> Generator:
        """Fresh dice, seeded by the event that is being reacted to."""
        return MOMENT.get().rng()

    @property
    def told(self) -> tuple[Event, ...]:
        """What this reaction has said about its event before, in order; empty the first time.

        A reaction says everything again after a crash. Where that would ask the world again, it looks here
        first: what is in the log is done, whatever an instrument or a human may remember of it.
        """
        return MOMENT.get().told

    def heard(self) -> AsyncIterator[tuple[str, Event]] | None:
        """What the agent hears from outside, as (key, event); none for most agents.

        The key names the occurrence, such as a file's digest: heard twice it is recorded once.
        """
        return None
