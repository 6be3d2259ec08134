"""Requests made from the OpenAPI documents, and every answer held against them (`make fuzz CASES=10000`).

For each operation of both documents: cases for the schemas' edges, then random ones, half of them wrong on purpose. An
answer fails if it is a server error, has a status or a media type that is not documented, or does not fit its schema.
The same seed makes the same cases. Run by the Python that has schemathesis; `--python` names limner's own.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

sys.path.insert(0, str(Path(__file__).parent))

from knowledge import Knowledge
from live import ROOT, Live, live

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOCUMENTS: Final = ("/openapi.json", "/api/v1/openapi.json")
_TURNS_MAX: Final = 1_000_000  # so that no seed has a turn of another
_ROUND_MAX: Final = 25
_EDGES_SHARE: Final = 3  # one case of so many is for an edge of a schema
_ANSWER_SECONDS: Final = 60
_UNDER_WAY: Final = ("/cancel", "/events")
_ENTRY: Final = re.compile(r"^(?=\d{4}-\d\d-\d\dT)", re.MULTILINE)
_ERROR: Final = re.compile(r"\S+ (error|critical) ")
_SHOWN_MAX: Final = 25
_REQUEST_CHARACTERS_MAX: Final = 1500
_WORDS_CHARACTERS_MAX: Final = 240
_VALUE: Final = re.compile(r"\{\".*? (?=is )|[0-9a-f-]{32,}")


@dataclass(slots=True)
class Tally:
    """What became of one operation's cases."""

    operation: Any
    edges: Iterator[Any]
    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    is_exhausted: bool = False


class Fuzz:
    """One run. `failures`: for each way in which an operation failed, how often, and the first request that did."""

    def __init__(self, target: Live, *, seed: int) -> None:
        self._target = target
        self._seed = seed
        self._session = requests.Session()
        self._knowledge = Knowledge(seed=seed, callback_url=f"{target.url}/healthz")
        self.tallies = [tally for path in DOCUMENTS for tally in self._tallies(path)]
        self.failures: dict[tuple[str, str], list[Any]] = {}

    def _tallies(self, path: str) -> Iterator[Tally]:
        config = schemathesis.Config(seed=self._seed)
        config.projects.default.generation.update(with_security_parameters=False, allow_x00=True)
        document = schemathesis.openapi.from_url(self._target.url + path, config=config)
        document.validate()
        for found in document.get_all_operations():
            operation = found.ok()
            edges = document.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=config.projects.default.generation
            )
            yield Tally(operation=operation, edges=edges)

    def run(self, cases: int) -> int:
        """Send so many; how many it were."""
        self._look_around()
        done = 0
        each = min(_ROUND_MAX, -(-cases // len(self.tallies)))
        for turn in itertools.count():
            for tally in self.tallies:
                wanted = min(each, cases - done)
                if wanted <= 0:
                    return done
                if not tally.is_exhausted:
                    done += self._some(tally, wanted, seed=self._seed * _TURNS_MAX + turn)
            if all(tally.is_exhausted for tally in self.tallies):
                return done
        raise AssertionError

    def _look_around(self) -> None:
        """What is there before any case: the key and the token that all of them use are not to be deleted by one."""
        for path in ("/api/v1/credentials/", "/api/v1/platform-tokens/"):
            self._knowledge.spare(self._told(path))
        for path in ("/v1/models", "/api/v1/applications/", "/api/v1/services/", "/api/v1/orders/"):
            self._knowledge.learn(path, self._told(path))

    def _told(self, path: str) -> Any:
        answer = self._session.get(self._target.url + path, headers=self._headers(path), timeout=_ANSWER_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def _some(self, tally: Tally, wanted: int, *, seed: int) -> int:
        before = tally.cases
        for case in itertools.islice(tally.edges, max(1, wanted // _EDGES_SHARE)):
            self._knowledge.tell(case, whole=True)
            self._one(tally, case)
        for mode in (GenerationMode.NEGATIVE, GenerationMode.POSITIVE):
            missing = wanted - (tally.cases - before)
            self._random(tally, mode, missing // 2 if mode is GenerationMode.NEGATIVE else missing, seed=seed)
        made = tally.cases - before
        tally.is_exhausted = made < wanted
        return made

    def _random(self, tally: Tally, mode: GenerationMode, count: int, *, seed: int) -> None:
        if not count:
            return
        most = tally.cases + count

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=tally.operation.as_strategy(generation_mode=mode))
        def each(case: Any) -> None:
            if tally.cases < most:
                self._knowledge.tell(case, whole=False)
                self._one(tally, case)

        try:
            each()
        except (hypothesis.errors.Unsatisfiable, schemathesis.errors.SchemathesisError) as error:
            # What takes anything cannot be asked wrongly.
            if mode is GenerationMode.POSITIVE:
                raise AssertionError(f"no case can be made for {tally.operation.label}") from error

    def _headers(self, path: str) -> dict[str, str]:
        secret = self._target.token if path.startswith("/api/") else self._target.key
        return {"authorization": f"Bearer {secret}"}

    def _submit(self) -> None:
        """A task that is under way for a moment."""
        path, body = "/v1/images/generations", {"prompt": "An otter", "async": True}
        answer = self._session.post(
            self._target.url + path, json=body, headers=self._headers(path), timeout=_ANSWER_SECONDS
        )
        self._knowledge.learn(path, answer.json())

    def _one(self, tally: Tally, case: Any) -> None:
        tally.cases += 1
        if case.path.endswith(_UNDER_WAY) and tally.cases % 2:
            self._submit()
        try:
            answer = case.call(
                base_url=self._target.url,
                session=self._session,
                headers=self._headers(case.path),
                timeout=_ANSWER_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            self._failed(tally, f"{type(error).__name__}: {error}", case=case, answer=None)
            return
        tally.statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                words = f"{type(failure).__name__} {answer.status_code}: {_without_values(str(failure))}"
                self._failed(tally, words, case=case, answer=answer)
            tally.failures += 1
        if answer.status_code < 300 and "json" in answer.headers.get("content-type", [""])[0]:
            self._knowledge.learn(case.path, answer.json())

    def _failed(self, tally: Tally, words: str, *, case: Any, answer: Any) -> None:
        if answer is None:
            tally.failures += 1
        known = self.failures.setdefault((tally.operation.label, words), [0, ""])
        known[0] += 1
        if not known[1]:
            curl = case.as_curl_command(base_url=self._target.url)[:_REQUEST_CHARACTERS_MAX]
            known[1] = f"{curl}\n    -> {answer.text[:600] if answer is not None else 'no answer'}"


def _without_values(text: str) -> str:
    """What is wrong, so that the same with another value is the same."""
    return _VALUE.sub("...", " ".join(text.split()).partition("Value:")[0])[:_WORDS_CHARACTERS_MAX]


def show(fuzz: Fuzz, *, done: int, seconds: float, failures_file: Path) -> None:
    """The table, the totals, and what failed."""
    width = max(len(tally.operation.label) for tally in fuzz.tallies)
    print(f"{'operation':{width}}  cases  2-3xx    4xx    5xx  failed")
    statuses: Counter[int] = Counter()
    for tally in fuzz.tallies:
        statuses += tally.statuses
        print(f"{tally.operation.label:{width}} {_counts(tally.cases, tally.statuses, tally.failures)}")
    failed = sum(tally.failures for tally in fuzz.tallies)
    print(f"{'all':{width}} {_counts(done, statuses, failed)}")
    print("by status: " + ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    errors = sum(count for status, count in statuses.items() if status >= 500)
    print(
        f"{done:,} generated cases over {len(fuzz.tallies)} operations in {seconds:.0f} s: "
        f"{errors} server errors, {failed} answers that failed a check"
    )
    lines = [
        f"{count} x {operation}\n  {words}\n  {request}\n"
        for (operation, words), (count, request) in sorted(fuzz.failures.items())
    ]
    for line in lines[:_SHOWN_MAX]:
        print(line)
    failures_file.parent.mkdir(parents=True, exist_ok=True)
    failures_file.write_text("\n".join(lines), encoding="utf-8")
    if lines:
        print(f"all {len(lines)} kinds of failures: {failures_file}")


def _counts(cases: int, statuses: Counter[int], failures: int) -> str:
    by_class = Counter(dict.fromkeys((2, 4, 5), 0))
    for status, count in statuses.items():
        by_class[status // 100 if status >= 400 else 2] += count
    return f"{cases:6} {by_class[2]:6} {by_class[4]:6} {by_class[5]:6} {failures:7}"


def main(arguments: Sequence[str]) -> int:
    """0 if every answer was as documented."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--python", default=str(ROOT / ".venv" / "bin" / "python"), help="limner's own")
    parser.add_argument("--url", help="a server that is up, instead of one of our own")
    parser.add_argument("--key", default="", help="its API key")
    parser.add_argument("--token", default="", help="its platform token")
    parser.add_argument("--only", default="", help="only operations whose label has this in it")
    parser.add_argument("--failures", type=Path, default=ROOT / ".out" / "fuzz-failures.txt")
    given = parser.parse_args(arguments)
    os.environ["NO_PROXY"] = "*"  # none stands before this machine
    with ExitStack() as stack:
        target = (
            Live(url=given.url, key=given.key, token=given.token, log=Path(os.devnull))
            if given.url
            else stack.enter_context(live(str(Path(given.python).absolute())))
        )
        began = time.monotonic()
        fuzz = Fuzz(target, seed=given.seed)
        fuzz.tallies = [tally for tally in fuzz.tallies if given.only in tally.operation.label]
        done = fuzz.run(given.cases)
        show(fuzz, done=done, seconds=time.monotonic() - began, failures_file=given.failures)
        # What breaks after the answer, while a task is performed, is told there only.
        errors = errors_in(target.log)
        print(f"errors in the server's log: {len(errors)}")
        print("\n".join(errors[:_SHOWN_MAX]))
    return 1 if fuzz.failures or errors else 0


def errors_in(log: Path) -> list[str]:
    """What the server's log tells as errors, each with its lines."""
    entries = _ENTRY.split(log.read_text(encoding="utf-8"))[1:]
    return [entry.rstrip() for entry in entries if _ERROR.match(entry)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
