"""Compiles what browsers need for the console from npm packages: htmx with its event streams, the typeface, notices.

Called by `hatch_build.py` alone, with a `node_modules` folder; reads nothing else and uses the standard library only.
"""

from __future__ import annotations

import json
from pathlib import Path

_NOTICE = """\
What limner's console sends to browsers and has not written itself, from the packages named below, joined into this
folder by tools/build_browser.py. Their licences lie beside this file.

htmx, Zero-Clause BSD (LICENSE-htmx.txt), as packaged by {htmx}.
Inter, copyright The Inter Project Authors, SIL Open Font License 1.1 (LICENSE-inter.txt), as packaged by {inter}.
"""


def fill(*, packages: Path, out: Path) -> None:
    """Write everything into the folder `out`."""
    htmx, inter = packages / "htmx.org", packages / "@fontsource-variable/inter"
    scripts = (htmx / "dist/htmx.min.js", htmx / "dist/ext/hx-sse.min.js")
    (out / "htmx.js").write_text("\n".join(_without_map(script) for script in scripts), encoding="utf-8")
    (out / "inter.woff2").write_bytes((inter / "files/inter-latin-wght-normal.woff2").read_bytes())
    (out / "LICENSE-htmx.txt").write_bytes((htmx / "LICENSE").read_bytes())
    (out / "LICENSE-inter.txt").write_bytes((inter / "LICENSE").read_bytes())
    named = {"htmx": _named(htmx), "inter": _named(inter)}
    (out / "NOTICE.txt").write_text(_NOTICE.format(**named), encoding="utf-8")


def _without_map(script: Path) -> str:
    """Without its last line, which names a file that we do not serve."""
    lines = script.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL="))


def _named(package: Path) -> str:
    described = json.loads((package / "package.json").read_text(encoding="utf-8"))
    return f"{described['name']} {described['version']} on npm"
