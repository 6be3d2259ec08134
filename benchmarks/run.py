"""All benchmarks, one after the other: `make bench`. Arguments are handed on to the server's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

for script, arguments in (("illustrator.py", []), ("serve.py", sys.argv[1:]), ("tasks.py", []), ("console.py", [])):
    print(f"== {script}", flush=True)
    subprocess.run([sys.executable, HERE / script, *arguments], check=True)
