"""A child process is heard, told, started again when it dies, and ends with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ops.children import Child
from tests.bus.test_server import alive
from tests.system.console import environment

PROGRAM = """
import json, os, sys
print(json.dumps({"said": "up", "pid": os.getpid()}), flush=True)
print("no object", flush=True)
for line in sys.stdin:
    print(json.dumps({"said": "heard", "words": json.loads(line)}), flush=True)
print(json.dumps({"said": "gone"}), flush=True)
"""


@asynccontextmanager
async def child(folder: Path, **changes: Any) -> AsyncIterator[tuple[Child, list[Mapping[str, Any]], list[str]]]:
    """A child that repeats what it is told, what was heard of it, and how it died."""
    heard: list[Mapping[str, Any]] = []
    deaths: list[str] = []
    made = Child("The parrot", lambda: ["-m", "parrot"], folder / "log", heard.append, deaths.append, **changes)
    before = os.environ.get("PYTHONPATH", "")
    (folder / "parrot.py").write_text(PROGRAM)
    os.environ["PYTHONPATH"] = f"{folder}:{before}"
    try:
        await made.open()
        yield made, heard, deaths
    finally:
        await made.close()
        os.environ["PYTHONPATH"] = before


async def until(done: object) -> None:
    """Waits."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_it_is_heard_and_told(tmp_path: Path) -> None:
    """Objects are heard in order, other lines are not, and its last words come when it is let go."""
    async with child(tmp_path) as (made, heard, deaths):
        await until(lambda: heard)
        await made.say({"n": 1})
        await until(lambda: len(heard) == 2)
    assert [w["said"] for w in heard] == ["up", "heard", "gone"]
    assert heard[1]["words"] == {"n": 1}
    assert not deaths
    assert made.pid == 0


async def test_it_is_started_again_and_told_what_it_must_know(tmp_path: Path) -> None:
    """A killed child is told of and lives again, and each life hears the greeting first."""
    async with child(tmp_path, greeting=lambda: [{"catch_up": 7}]) as (made, heard, deaths):
        for life in (1, 2, 3):
            await until(lambda n=life: len([w for w in heard if w["said"] == "heard"]) == n)
            if life < 3:
                os.kill(made.pid, signal.SIGKILL)
                await until(lambda n=life: len(deaths) == n)
    assert all("The parrot ended with code -9" in words for words in deaths)
    assert len({w["pid"] for w in heard if w["said"] == "up"}) == 3


def test_it_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """When the parent is killed, the child ends by the end of its input."""
    (tmp_path / "parrot.py").write_text(PROGRAM)
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom ops.children import Child\n"
        "async def main():\n"
        "    c = Child('x', lambda: ['-m', 'parrot'], Path('log'), lambda w: print(w['pid'], flush=True), print)\n"
        "    await c.open()\n    await asyncio.sleep(60)\nasyncio.run(main())\n"
    )
    path = f"{environment()['PYTHONPATH']}:{tmp_path}"
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
