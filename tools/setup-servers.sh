# Installs the server that some tests run against and no lock file can list: a PostgreSQL beside the embedded one.
# Called by `make servers`. Does nothing where there is one, and leaves none running.
set -eu

say() { printf 'limner: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

have_postgres() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

install() { apt-get install -y -qq --no-install-recommends postgresql; }
install_postgres() {
    # The package makes a database and starts it, unless it reads here that it should not. Gone again when it is installed.
    answers=/etc/postgresql-common/createcluster.d
    mkdir -p "$answers"
    trap 'rm -f "$answers/limner.conf"' EXIT
    echo 'create_main_cluster = false' >"$answers/limner.conf"
    export DEBIAN_FRONTEND=noninteractive
    # Its many words are shown only if it fails.
    said=$({ install || { apt-get update -qq && install; }; } </dev/null 2>&1) ||
        fail "apt-get could not install postgresql: $(printf '%s\n' "$said" | tail -5)"
}

if have_postgres; then
    exit 0
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing the package postgresql; some tests start a server of their own from it"
    install_postgres
    have_postgres || fail "the package postgresql is installed, and there is no initdb in /usr/lib/postgresql"
else
    say "there is no PostgreSQL beside the embedded one, and only root can install it (with apt-get): its tests will be skipped"
fi
