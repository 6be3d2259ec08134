# Installs the browser that tests/browser drives: Chromium, and a typeface that has Chinese in it.
# Called by `make test-browser`, `make screenshots` and .ci/run. Does nothing where both are there.
# LIMNER_CHROMIUM=/path/to/chromium chooses another one.
set -eu

say() { printf 'limner: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

have_chromium() { command -v "${LIMNER_CHROMIUM:-chromium}" >/dev/null; }
# Without fontconfig nobody can say; then it is installed as well.
have_chinese() { [ -n "$(fc-list :lang=zh-cn 2>/dev/null | head -1)" ]; }
install() { apt-get install -y -qq --no-install-recommends "$@"; }

packages=
have_chromium || packages=chromium
have_chinese || packages="$packages fonts-noto-cjk"

if [ -n "${LIMNER_CHROMIUM:-}" ] && ! have_chromium; then
    fail "LIMNER_CHROMIUM is $LIMNER_CHROMIUM, and there is no such program"
elif [ -z "$packages" ]; then
    exit 0
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing with apt-get, for the tests that visit the console in a browser:" $packages
    export DEBIAN_FRONTEND=noninteractive
    # Its many words are shown only if it fails.
    said=$({ install $packages || { apt-get update -qq && install $packages; }; } </dev/null 2>&1) ||
        fail "apt-get could not install" $packages": $(printf '%s\n' "$said" | tail -5)"
    have_chromium || fail "the package chromium is installed, and there is no program of that name"
elif have_chromium; then
    say "there is no typeface with Chinese in it: screenshots will have boxes for it (install fonts-noto-cjk, or another)"
elif command -v apt-get >/dev/null; then
    fail "there is no Chromium, and only root can install it; run this, then try again: sudo apt-get install -y" $packages
else
    fail "there is no Chromium: install it and a typeface with Chinese in it, or name another one: LIMNER_CHROMIUM=/path/to/it"
fi
