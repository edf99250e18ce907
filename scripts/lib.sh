# Shared by the scripts in this folder: finds a Python and keeps .venv in step with the lock files.
# Source it from the repository's root.

# The tests start the gateway hundreds of times; without compiled modules each start would compile all of it anew.
unset PYTHONDONTWRITEBYTECODE

find_python() {
    for candidate in "${FAIRLEAD_PYTHON:-}" python3.13 python3.14 python3.12 python3.11 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    echo "Fairlead needs Python 3.11 to 3.14 with venv; none was found. Install one, or name it: FAIRLEAD_PYTHON=/path/to/python3 $0" >&2
    return 1
}

need_venv() { # run | dev
    wanted=$(cat "requirements/$1.txt" pyproject.toml | cksum)
    stamp=.venv/fairlead-$1
    if [ "$1" = run ] && [ -f .venv/fairlead-dev ]; then # dev has everything that run has
        wanted=$(cat requirements/dev.txt pyproject.toml | cksum)
        stamp=.venv/fairlead-dev
    fi
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
        return 0
    fi
    python=$(find_python)
    .venv/bin/python -c '' 2>/dev/null || { rm -rf .venv; echo "Making .venv with $($python --version)" >&2; "$python" -m venv .venv; }
    echo "Installing locked dependencies (requirements/$1.txt)" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$1.txt"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    echo "$wanted" >"$stamp"
}
