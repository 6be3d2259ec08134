"""How the house is doing, in numbers (`make thermometer`): a thermometer, not a limit.

Sizes of modules and functions, the biggest import cycle between rooms (imports inside functions count, those for types
alone do not), and how long the last `make test` took.
"""

from __future__ import annotations

import ast
import statistics
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src" / "limner"
RESULTS: Final = ROOT / ".out" / "tests.xml"
NARROW: Final = 3  # a module of up to so many lines is a signpost, not a module


def main() -> None:
    """Print one line for each number."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}
    modules = {str(path.relative_to(SOURCE)): _lines(path) for path in trees if _lines(path) > NARROW}
    functions = dict(_functions(trees))
    print(f"modules    {_spread(modules)}")
    print(f"functions  {_spread(functions)}")
    cycle = biggest_cycle(rooms(trees))
    print(f"cycle      {len(cycle)} of {len(rooms(trees))} rooms{': ' + ', '.join(sorted(cycle)) if cycle else ''}")
    print(f"tests      {_tests()}")


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _functions(trees: Mapping[Path, ast.Module]) -> Iterator[tuple[str, int]]:
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                where = f"{path.relative_to(SOURCE)}:{node.lineno} {node.name}"
                yield where, node.end_lineno - node.lineno + 1


def _spread(sizes: Mapping[str, int]) -> str:
    values = sorted(sizes.values())
    p95 = values[min(len(values) - 1, len(values) * 95 // 100)]
    largest = max(sizes, key=lambda name: sizes[name])
    return f"{len(values):4} median {statistics.median(values):3.0f}  p95 {p95:3}  max {values[-1]:3} lines ({largest})"


def rooms(trees: Mapping[Path, ast.Module]) -> dict[str, set[str]]:
    """Which room (a top-level module or package of limner) imports which others."""
    found: dict[str, set[str]] = defaultdict(set)
    names = {path.stem if path.is_file() else path.name for path in SOURCE.iterdir()}
    for path, tree in trees.items():
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        found[room] |= {other for other in _imported(tree) if other != room and other in names}
    return dict(found)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "limner":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("limner."))
        else:
            yield from _imported(node)


def biggest_cycle(graph: Mapping[str, set[str]]) -> set[str]:
    """The largest set of rooms of which each can reach every other; empty if there is no cycle."""
    reach = {room: _reachable(graph, room) for room in graph}
    circles = [{other for other in reach[room] if room in reach.get(other, set())} for room in graph]
    return max(circles, key=len, default=set())


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting: list[str] = [*graph.get(start, ())]
    while waiting:
        room = waiting.pop()
        if room not in seen:
            seen.add(room)
            waiting += graph.get(room, ())
    return seen


def _tests() -> str:
    if not RESULTS.exists():
        return "not known: `make test` has not run here"
    suites: Sequence[ET.Element] = list(ET.parse(RESULTS).getroot().iter("testsuite"))
    count = sum(int(suite.get("tests", 0)) for suite in suites)
    bad = sum(int(suite.get(kind, 0)) for suite in suites for kind in ("failures", "errors"))
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    slowest = max(
        (case for suite in suites for case in suite), key=lambda case: float(case.get("time", 0)), default=None
    )
    worst = f"; slowest {float(slowest.get('time', 0)):.1f} s {slowest.get('name')}" if slowest is not None else ""
    return f"{count:4} in {seconds:.1f} s on this machine, {bad} red{worst}"


if __name__ == "__main__":
    main()
