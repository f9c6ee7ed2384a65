"""Node and the packages of the JavaScript example, in a folder that git ignores."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import ops.seats

ROOT = Path(__file__).parents[3]
PACKAGES = ROOT / "build" / "node"
"""Where `make test` puts them: npm install --prefix build/node."""


def _missing() -> str:
    if shutil.which("node") is None:
        return "Node is not installed (apt-get install nodejs)"
    if not (PACKAGES / "node_modules" / "@nats-io" / "jetstream").is_dir():
        return "nats.js is not installed (make node)"
    return ""


WITHOUT_NODE = _missing()
"""Why the example cannot be run; empty if it can."""


def _placed() -> Path:
    """A folder from which the example finds its packages, as it would beside its own package.json."""
    folder = Path(tempfile.gettempdir()) if WITHOUT_NODE else PACKAGES
    if not WITHOUT_NODE:
        shutil.copyfile(Path(ops.seats.__file__).parent / "skeletons" / "review_desk.mjs", folder / "review_desk.mjs")
    return folder


NODE = _placed()
"""Where the example lies beside its packages."""
