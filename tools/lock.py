"""Writes the lock files (`make lock`): versions and hashes for every platform, and no address of any index.

requirements.lock is what running from the tree needs: the dependencies, and the build requirements since the tree is
installed without build isolation. requirements-dev.lock adds the group `dev`, at the same versions.
requirements-diffusers.lock is what the extra of that name adds, but for torch: which build of it is right depends on the
machine, and `make diffusers` takes the one that is at hand. requirements-fuzz.lock and requirements-clients.lock
are the groups of those names alone, which live in virtual environments of their own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN, DEV, DIFFUSERS = "requirements.lock", "requirements-dev.lock", "requirements-diffusers.lock"
FUZZ, CLIENTS = "requirements-fuzz.lock", "requirements-clients.lock"
IN_PLACE = "editables>=0.5"  # hatchling wants it when it installs a tree in place


def main(arguments: Sequence[str]) -> None:
    """Lock what develops, then what runs within it. `arguments` go to uv, such as --upgrade."""
    uv = _uv()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "build.in"
        requirements.write_text("\n".join([*build, IN_PLACE]) + "\n", encoding="utf-8")
        _compile(uv, "pyproject.toml", str(requirements), "--group", "dev", output=DEV, extra=arguments)
        # What runs is the versions that were tested: the larger list decides, some of its guests are choosy.
        _compile(uv, "pyproject.toml", str(requirements), "--constraint", DEV, output=RUN, extra=arguments)
        without = Path(folder) / "overrides.in"
        without.write_text("torch ; python_version < '3'\n", encoding="utf-8")
        extra = ("--extra", "diffusers", "--override", str(without))
        _compile(uv, "pyproject.toml", *extra, "--constraint", DEV, output=DIFFUSERS, extra=arguments)
        _keep_only_what_is_new(ROOT / DIFFUSERS, than=ROOT / RUN)
        _compile(uv, "--group", "fuzz", output=FUZZ, extra=arguments)
        _compile(uv, "--group", "clients", output=CLIENTS, extra=arguments)


def _uv() -> str:
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found:
        return found
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True)
    return str(Path(sys.executable).parent / "uv")


def _compile(uv: str, *inputs: str, output: str, extra: Sequence[str]) -> None:
    command = [
        *(uv, "pip", "compile", *inputs, "--output-file", output),
        *("--generate-hashes", "--universal", "--python-version", "3.11", "--no-annotate"),
        *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock", "--quiet"),
    ]
    subprocess.run([*command, *extra], cwd=ROOT, check=True)
    print(f"{output}: {sum(line[:1].isalpha() for line in (ROOT / output).read_text().splitlines())} packages")


def _keep_only_what_is_new(lock: Path, *, than: Path) -> None:
    known = {name for name, _ in _packages(than)}
    head = [line for line in lock.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("#")]
    lock.write_text("".join([*head, *(text for name, text in _packages(lock) if name not in known)]), encoding="utf-8")


def _packages(lock: Path) -> list[tuple[str, str]]:
    """Each package's name, and all its lines."""
    found: list[tuple[str, str]] = []
    for line in lock.read_text(encoding="utf-8").splitlines(keepends=True):
        if line[:1].isalnum():
            found.append((line.partition("==")[0], line))
        elif found and not line.startswith("#"):
            name, text = found[-1]
            found[-1] = (name, text + line)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
