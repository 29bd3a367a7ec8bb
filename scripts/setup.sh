#!/bin/sh
# Puts requirements.lock and this package into .venv; does nothing, silently, when that is done.
#   PYTHON=python3.12   the interpreter to use (default: the first one that fits)
#   NEED_MB=7000        the free disk space to ask for
set -eu
cd "$(dirname "$0")/.."
trap 'exit 130' INT TERM

state=.venv/set-up # the fingerprint of what was installed, or "unfinished"
log=.venv/pip-errors.log
fits='import sys; assert (3, 10) <= sys.version_info < (3, 15)'
case $(uname) in Linux) usual_mb=7000 ;; *) usual_mb=3000 ;; esac

say() { echo "Set-up: $*"; }
fail() { echo "Set-up stopped: $*" >&2; exit 1; }
can() { "$1" -c "$2" >/dev/null 2>&1; }

fingerprint() { pwd; cat requirements.lock pyproject.toml | cksum; }

finished() { [ "$(cat "$state" 2>/dev/null)" = "$(fingerprint)" ] && can .venv/bin/python ''; }

# An interrupted install may have left half a package behind, a moved folder the old path in every script.
reusable() {
    [ "$(head -n 1 "$state" 2>/dev/null || pwd)" = "$(pwd)" ] && can .venv/bin/python "$fits; import pip"
}

find_python() {
    without_venv=
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else
        set -- python3 python3.14 python3.13 python3.12 python3.11 python3.10; fi
    for python; do
        can "$python" "$fits" || continue
        can "$python" 'import venv, ensurepip' && return
        without_venv=$python
    done
    [ -z "$without_venv" ] ||
        fail "$without_venv has no venv module; on Debian and Ubuntu: sudo apt install python3-venv"
    fail "Python 3.10 to 3.14 is needed, and none of these is: $*"
}

check_disk() {
    free_mb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free_mb" -ge "${NEED_MB:-$usual_mb}" ] ||
        fail "not enough disk space: $free_mb MB are free here, ${NEED_MB:-$usual_mb} MB are needed"
}

create_venv() {
    find_python
    [ -e .venv ] || check_disk # after an interrupted run much of it is already in the download cache
    say "creating .venv with $("$python" --version)"
    mkdir -p .venv
    echo unfinished >"$state"
    find .venv/ -mindepth 1 -maxdepth 1 ! -name "${state##*/}" -exec rm -rf {} +
    "$python" -m venv .venv || fail "$python could not create .venv, see above"
}

# Without isolation the package is built by the pinned setuptools, so a second run needs no network.
install() { "$@" -r requirements.lock && "$@" --no-deps --no-build-isolation -e .; }

install_with_uv() {
    .venv/bin/python -m pip install --quiet --retries 1 -c requirements.lock uv 2>"$log" &&
        install .venv/bin/python -m uv pip install --python .venv/bin/python
}

# Slower, but knows pip's own configuration: mirrors, local wheels, certificates.
install_with_pip() {
    say "uv could not do it, trying pip"
    install .venv/bin/python -m pip install --retries 1 2>"$log"
}

diagnosis() {
    if grep -Eqi 'no space left|disk quota' "$log"; then
        echo "the disk is full; free some space and run this again"
    elif grep -Eqi 'connection broken|timed out|name resolution' "$log"; then
        echo "no network: the package index could not be reached; run this again when it can"
    else
        echo "the packages could not be installed: $(grep -i error "$log" | head -n 1)"
    fi
}

finished && exit 0
reusable || create_venv
before=$(cat "$state" 2>/dev/null || pwd)
echo unfinished >"$state"
say "installing the pinned packages (up to 3 GB to download)"
if ! install_with_uv && ! install_with_pip; then
    echo "$before" >"$state"
    fail "$(diagnosis)"
fi
fingerprint >"$state"
say "done"
