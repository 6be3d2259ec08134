"""The server as its owner meets it: real processes, a real port, a data folder of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DEADLINE_SECONDS = 60
LIMNER = (sys.executable, "-m", "limner")


def _environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    return {**kept, "LIMNER_CATALOG__ENGINE": "fake", "LIMNER_LOG__LEVEL": "warning", **more}


def limner(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        [*LIMNER, *arguments],
        env=_environ(**environ),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


@dataclass
class Serving:
    """A server that has shown its banner."""

    process: subprocess.Popen[str]
    banner: str

    @classmethod
    @contextmanager
    def at(cls, folder: Path, *options: str) -> Iterator[Serving]:
        """A server on the folder, stopped at the end of the scene if not before."""
        command = [*LIMNER, "serve", "--port", "0", "--data-dir", str(folder), *options]
        process = subprocess.Popen(command, env=_environ(), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        try:
            for line in process.stdout:  # ends by itself when the server does
                lines.append(line)
                if "Authorization: Bearer" in line:
                    break
            assert lines, f"it ended with {process.wait()} before it was ready"
            yield cls(process, "".join(lines))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=DEADLINE_SECONDS)
            process.stdout.close()

    def found(self, pattern: str) -> str:
        match = re.search(pattern, self.banner, re.MULTILINE)
        assert match, self.banner
        return match[1]

    @property
    def url(self) -> str:
        return self.found(r"^  Address +(\S+)$")

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    @property
    def key(self) -> str:
        return self.found(r"^  API key +(\S+)$")

    def curl_words(self) -> list[str]:
        """The banner's curl as the shell would take it apart."""
        return shlex.split(self.banner[self.banner.index("curl ") :].replace("\\\n", ""))

    def curl(self) -> str:
        """What the banner's curl answers, asked without needing curl."""
        words = self.curl_words()
        headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
        request = urllib.request.Request(words[1], words[words.index("-d") + 1].encode(), headers)
        return _read(request).decode()

    def stop(self, number: signal.Signals) -> str:
        """Send the signal; what it said at last."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=DEADLINE_SECONDS)
        return rest


def _read(request: urllib.request.Request | str) -> bytes:
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
        data: bytes = answer.read()
        return data


def _picture_url(answer: str) -> str:
    url: str = json.loads(answer)["data"][0]["url"]
    return url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli") / "data"


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[Serving]:
    """One server for the scenes that leave it as it is."""
    with Serving.at(folder) as server:
        yield server


def test_the_first_start_shows_a_request_that_works(serving: Serving, folder: Path) -> None:
    assert serving.key.startswith("sk-limner-")
    key_file = folder / "owner.key"
    assert key_file.read_text(encoding="utf-8").strip() == serving.key
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert _read(_picture_url(serving.curl())).startswith(b"\x89PNG")


def test_a_second_server_on_the_folder_says_who_has_it(serving: Serving, folder: Path) -> None:
    second = limner("serve", "--port", "0", "--data-dir", str(folder))
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr == (
        f"limner: another limner (pid {serving.process.pid}) serves the folder {folder} at {serving.url}: "
        "use that one, or give another folder with --data-dir\n"
    )


def test_a_port_in_use_is_said_before_anything_is_touched(serving: Serving, tmp_path: Path) -> None:
    second = limner("serve", "--port", serving.port, "--data-dir", str(tmp_path / "data"))
    assert second.returncode == 1
    assert second.stderr == (
        f"limner: port {serving.port} on 127.0.0.1 is in use: stop what listens there, "
        "or choose another with --port or LIMNER_SERVER__PORT\n"
    )
    assert not (tmp_path / "data").exists()


def test_an_unknown_setting_stops_the_start(tmp_path: Path) -> None:
    done = limner("serve", "--data-dir", str(tmp_path / "data"), LIMNER_SERVER__PROT="1", LIMNER_LIMITS__CONCURRENT="0")
    assert done.returncode == 2
    assert "there is no setting server.prot (from LIMNER_SERVER__PROT); did you mean server.port" in done.stderr
    assert "limits.concurrent (from LIMNER_LIMITS__CONCURRENT)" in done.stderr
    assert [line[:8] for line in done.stderr.splitlines()] == ["limner: "] * 2
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("place", ["{tmp}/file/data", "/proc/limner", "/dev/null"])
def test_a_folder_that_cannot_be_used_is_one_line(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = limner("serve", "--port", "0", "--data-dir", place.format(tmp=tmp_path))
    assert done.returncode == 1
    assert re.fullmatch(r"limner: the data folder \S+ cannot be used: .* --data-dir or LIMNER_DATA_DIR\n", done.stderr)


def test_a_database_that_is_not_there_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ada:hunter2@127.0.0.1:1/limner"
    done = limner("serve", "--port", "0", "--data-dir", str(tmp_path), LIMNER_DATABASE__URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("limner: the database cannot be reached: ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_accounts_keys_and_credits_while_the_server_runs(serving: Serving, folder: Path) -> None:
    at = {"LIMNER_DATA_DIR": str(folder)}
    assert limner("accounts", "create", "grace", "--credits", "0.05", **at).returncode == 0
    key = limner("keys", "create", "--account", "grace", "--name", "laptop", "--expires", "1d", **at).stdout.strip()
    request = urllib.request.Request(
        f"{serving.url}/v1/images/generations",
        b'{"model": "dall-e-3", "prompt": "an otter"}',
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    _read(request)
    shown = json.loads(limner("credits", "show", "grace", "--json", **at).stdout)
    assert shown == [
        {"account": "grace", "credits": "0.010000", "held": "0.000000", "free": "0.010000", "unlimited": False}
    ]
    kinds = [entry["kind"] for entry in json.loads(limner("credits", "entries", "grace", "--json", **at).stdout)]
    assert kinds == ["charge", "hold", "grant"]

    assert "is switched off" in limner("keys", "disable", key, **at).stdout
    with pytest.raises(urllib.error.HTTPError, match="403"):
        _read(request)
    assert "was off already" in limner("keys", "disable", key[:16], **at).stdout
    states = {one["name"]: one["state"] for one in json.loads(limner("keys", "list", "--json", **at).stdout)}
    assert states == {"first key": "good", "laptop": "disabled"}
    assert "is good again" in limner("keys", "enable", key[:16], **at).stdout

    assert limner("credits", "grant", "grace", "-0.01", **at).stdout == "grace has 0.000000 credits.\n"
    assert limner("credits", "grant", "grace", "-1", **at).returncode == 1
    assert limner("credits", "grant", "eve", "1", **at).stderr == "limner: there is no account called 'eve'\n"
    assert limner("keys", "create", "--model", "dalle-9", **at).returncode == 1


def test_the_doctor_knows_the_server(serving: Serving, folder: Path) -> None:
    done = limner("doctor", LIMNER_DATA_DIR=str(folder), LIMNER_SERVER__PORT=serving.port)
    assert f"limner (pid {serving.process.pid}) listens at {serving.url}" in done.stdout
    assert "up to date" in done.stdout


def test_the_schema_is_up_to_date(serving: Serving, folder: Path) -> None:
    assert serving.process.poll() is None
    done = limner("db", "status", "--data-dir", str(folder))
    assert done.returncode == 0
    assert "up to date" in done.stdout


def test_looking_at_an_empty_place_makes_nothing(tmp_path: Path) -> None:
    done = limner("keys", "list", "--data-dir", str(tmp_path / "data"))
    assert done.returncode == 1
    assert done.stderr.startswith("limner: nothing is kept in ")
    assert not (tmp_path / "data").exists()


def test_the_server_ends_well_and_finds_everything_again_even_when_killed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = limner("keys", "create", "--name", "before the first start", "--data-dir", str(folder))
    assert made.stdout.startswith("sk-limner-"), made.stderr

    with Serving.at(folder) as first:
        assert first.stop(signal.SIGINT).strip().splitlines() == ["limner has stopped"]
        assert first.process.returncode == 0

    with Serving.at(folder) as second:
        assert second.key == first.key
        link = _picture_url(second.curl())
        second.process.kill()  # -9: nothing is tidied up
        second.process.wait()

    with Serving.at(folder, "--port", second.port) as third:  # links name the port
        assert third.key == first.key
        assert _read(link).startswith(b"\x89PNG")
        third.stop(signal.SIGTERM)
        assert third.process.returncode == 0


def test_a_picture_under_way_is_finished_before_the_server_stops(tmp_path: Path) -> None:
    config = tmp_path / "limner.toml"
    config.write_text("[engines.fake]\nseconds = 4\n", encoding="utf-8")
    with Serving.at(tmp_path / "data", "--config", str(config)) as server:
        _check_that_it_is_finished(server, tmp_path / "data")


def _check_that_it_is_finished(server: Serving, folder: Path) -> None:
    words = server.curl_words()
    code = (
        "import sys, urllib.request as u; "
        "print(u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), "
        "{'Authorization': sys.argv[3], 'Content-Type': 'application/json'})).status)"
    )
    asked = [sys.executable, "-c", code, words[1], words[words.index("-d") + 1], f"Bearer {server.key}"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as caller:
        _wait_until_held(folder)
        rest = server.stop(signal.SIGINT)
        assert caller.stdout is not None
        assert caller.stdout.read() == "200\n"
    assert "limner has stopped" in rest
    assert server.process.returncode == 0


def _wait_until_held(folder: Path) -> None:
    """Until a task is under way, as the owner's account shows."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        (owner,) = json.loads(limner("credits", "show", "owner", "--json", "--data-dir", str(folder)).stdout)
        if owner["held"] != "0.000000":
            return
    raise AssertionError("no task began")
