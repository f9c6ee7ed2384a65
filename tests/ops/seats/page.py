"""The programs of the how-to page, as a reader copies them, and what it takes to run them."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "ops" / "how-to" / "agent-in-any-language.md").read_text(encoding="utf-8")
PACKAGES = ROOT / "build" / "node"
"""Where `make node` puts the packages of the program in JavaScript."""
ENDINGS = {"python": ".py", "js": ".mjs", "bash": ".sh"}
"""Language of a block of code → how the names of its programs end."""


def code(language: str) -> str:
    """The page's program in a language."""
    (found,) = (c for c in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if len(c.splitlines()) > 20)
    return str(found)


def _why_not(language: str) -> str:
    if language == "js":
        if shutil.which("node") is None:
            return "Node is not installed (apt-get install nodejs npm)"
        if not (PACKAGES / "node_modules" / "@nats-io" / "jetstream").is_dir():
            return "nats.js is not installed (make node)"
    if language == "bash" and (missing := [w for w in ("bash", "openssl", "jq") if shutil.which(w) is None]):
        return f"{', '.join(missing)} not installed (apt-get install {' '.join(missing)})"
    return ""


WITHOUT = {language: _why_not(language) for language in ENDINGS}
"""Language → why its program cannot be run here; empty if it can."""


def placed(language: str, folder: Path) -> list[str]:
    """Writes the program into a folder, beside its packages; the command that starts it."""
    program = folder / f"desk{ENDINGS[language]}"
    program.write_text(code(language), encoding="utf-8")
    if language == "js" and not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    return [{"python": sys.executable, "js": "node", "bash": "bash"}[language], str(program)]
