# Installs what the extra limner[diffusers] needs into the virtual environment: torch, then what its lock file lists.
# Called by `make diffusers`: tools/setup-diffusers.sh VENV [TORCH]
set -eu
venv=$1 torch=${2:-torch==2.13.0}

say() { printf 'limner: %s\n' "$*" >&2; }

# Which build is right (CUDA, ROCm, CPU) depends on the machine: what is there already is kept.
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    say "installing $torch, which is large"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$torch"
fi
say "installing $(grep -c '^[a-z]' requirements-diffusers.lock) packages from requirements-diffusers.lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement requirements-diffusers.lock
