"""Agents, simulators, contracts and science read no wall clock and roll no dice of their own.

Time comes from the lab's clock and the envelope, dice are seeded by what they are thrown for; otherwise neither a
restart nor a replay could decide as the first run did. The check reads the source: a call that no test happens
to make is found as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = ("agents", "simulators", "contracts", "science")

CLOCKS = {"datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"}
DICE = {"uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom", "numpy.random.RandomState"}
WHOLE_MODULES = ("time", "random", "secrets")
SEEDED = {
    "default_rng",
    "Generator",
    "SeedSequence",
    "BitGenerator",
    "PCG64",
    "PCG64DXSM",
    "Philox",
    "MT19937",
    "SFC64",
}
"""What may be taken from `numpy.random`; the first of them only with a seed."""
TORCH = {f"torch.{name}" for name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial")}
"""What must be given a generator."""


def _names(tree: ast.AST) -> dict[str, str]:
    """What imports bind: local name → dotted name."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def _dotted(node: ast.AST, bound: dict[str, str]) -> str | None:
    """The dotted name that an expression refers to, if it begins with an imported name."""
    if isinstance(node, ast.Name):
        return bound.get(node.id)
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value, bound)) is not None:
        return f"{head}.{node.attr}"
    return None


def _is_impure(name: str, call: ast.Call | None) -> bool:
    """Whether a reference, or the call that it is the function of, reads a clock or rolls dice."""
    if name in CLOCKS | DICE:
        return True
    if any(name.startswith(f"{module}.") for module in WHOLE_MODULES):
        return True
    if name.startswith("numpy.random."):
        part = name.split(".")[2]
        seeded = call is not None and any(
            not (isinstance(a, ast.Constant) and a.value is None)
            for a in (*call.args, *(k.value for k in call.keywords))
        )
        return part not in SEEDED or (part == "default_rng" and not seeded)
    if name in TORCH:
        return call is None or not any(k.arg == "generator" for k in call.keywords)
    return False


def impurities(source: str) -> list[str]:
    """``line: name`` of each clock that is read and each die that is rolled."""
    tree = ast.parse(source)
    bound = _names(tree)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            name = _dotted(node, bound)
            if name is not None and _is_impure(name, calls.get(id(node))):
                found.append(f"{node.lineno}: {name}")
    return found


def _sources() -> Iterator[Path]:
    for floor in PURE:
        yield from sorted((ROOT / floor).rglob("*.py"))


def test_nobody_reads_the_wall_clock_or_rolls_dice() -> None:
    """No module of the pure floors refers to a clock, to global dice, or to a generator without a seed."""
    paths = list(_sources())
    assert {path.relative_to(ROOT).parts[0] for path in paths} == set(PURE)
    assert len(paths) > 80
    found = {f"{path.relative_to(ROOT)}:{what}" for path in paths for what in impurities(path.read_text("utf-8"))}
    assert not found


IMPURE = [
    "import datetime\ndatetime.datetime.now()",
    "from datetime import datetime, UTC\nx = datetime.now(UTC)",
    "from datetime import datetime as when\nx = when.utcnow",
    "import datetime as dt\nx = dt.date.today()",
    "from datetime import datetime\nclass A:\n    at = field(default_factory=datetime.today)",
    "import time\ntime.sleep(1)",
    "from time import monotonic\nmonotonic()",
    "def f():\n    import time as t\n    return t.perf_counter()",
    "import random\nrandom.random()",
    "from random import Random\nRandom(1)",
    "from uuid import uuid4\nx = uuid4()",
    "import uuid\nx = uuid.uuid1()",
    "import os\nos.urandom(8)",
    "import secrets\nsecrets.token_hex()",
    "import numpy as np\nnp.random.seed(0)",
    "import numpy as np\nnp.random.normal(0, 1)",
    "import numpy.random\nnumpy.random.rand(3)",
    "from numpy import random\nrandom.shuffle(x)",
    "from numpy.random import RandomState\nRandomState(3)",
    "import numpy as np\nnp.random.default_rng()",
    "import numpy as np\nnp.random.default_rng(None)",
    "import numpy as np\nnp.random.default_rng(seed=None)",
    "from numpy.random import default_rng\nx = [default_rng() for _ in y]",
    "import numpy as np\nf(factory=np.random.default_rng)",
    "import torch\ntorch.randn(3, 4)",
    "import torch\ntorch.randperm",
]
PURE_ENOUGH = [
    "import numpy as np\nrng = np.random.default_rng(7)",
    "import numpy as np\nrng = np.random.default_rng(np.random.SeedSequence([1, 2]))",
    "from numpy.random import Generator\ndef f(rng: Generator) -> float:\n    return rng.random()",
    "from datetime import datetime, timedelta\nx = datetime.fromisoformat(y) + timedelta(hours=1)",
    "from uuid import UUID, uuid5\nx = uuid5(UUID(int=0), 'name')",
    "import os\nx = os.environ",
    "import torch\ntorch.randn(3, generator=g)",
    "class Clock:\n    def now(self): ...\nclock = Clock()\nclock.now()",
    "envelope.time",
    "from bus import time\n",
]


@pytest.mark.parametrize("source", IMPURE)
def test_an_impurity_is_noticed(source: str) -> None:
    """The check can fail, whatever way the name came in."""
    assert len(impurities(source)) == 1


@pytest.mark.parametrize("source", PURE_ENOUGH)
def test_what_is_seeded_or_given_is_let_through(source: str) -> None:
    """Seeded generators, derived identifiers and the lab's own clock are what everybody should use."""
    assert impurities(source) == []
