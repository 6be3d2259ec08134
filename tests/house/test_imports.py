"""Who imports whom, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "limner"
HEAVY = {"torch", "diffusers", "skia", "numpy", "PIL", "alembic", "sqlalchemy"}
MODULES = sorted(path.relative_to(SOURCE.parent).as_posix() for path in SOURCE.rglob("*.py"))


def loaded_by(module: str) -> set[str]:
    """The top-level packages in memory once `module` is imported, in a Python of its own."""
    code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["limner", "limner.cli", "limner.web.app", "limner.bootstrap"])
def test_what_is_heavy_is_loaded_by_nobody_but_its_plug(module: str) -> None:
    assert loaded_by(module) & HEAVY == set()


def test_importing_limner_loads_nothing_of_others() -> None:
    assert loaded_by("limner") & {"asyncpg", "pydantic", "starlette", "obstore", "click"} == set()


def test_the_import_contracts_are_kept() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run(
        [lint_imports, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for_and_prints_nothing(module: str) -> None:
    tree = ast.parse((SOURCE.parent / module).read_text(encoding="utf-8"))

    assert ast.get_docstring(tree), f"{module} has no docstring"
    printed = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printed == [], f"{module} prints; use kit.logs.event, or click.echo in the command line"
