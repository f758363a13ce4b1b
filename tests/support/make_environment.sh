#!/bin/sh
# Makes the virtual environment $VENV with $PYTHON, by uv, which pip brings.
set -eu

if ! command -v "$PYTHON" >/dev/null 2>&1; then
    echo "There is no $PYTHON. Install Python 3.11 or later, or name one: make setup PYTHON=/path/to/python3" >&2
    exit 1
fi
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "$("$PYTHON" --version) is too old for the orchestrator, which needs 3.11 or later." >&2
    echo "Name another: make setup PYTHON=/path/to/python3.11" >&2
    exit 1
fi

echo "Making the environment in $VENV (about a minute, several GB with torch) ..."
if ! "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
    # Debian keeps it in a package of its own.
    sh tests/support/apt_install.sh python3-venv
fi
"$PYTHON" -m venv --clear "$VENV"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
# In this mode a line in a .pth file finds the packages. The usual one finds them after everything else, and beside a
# clone called stepfarm, `import stepfarm` would be the clone's folder, with nothing in it.
"$VENV/bin/uv" pip install --quiet --python "$VENV/bin/python" --constraint constraints.txt \
    --config-settings editable_mode=compat --editable '.[dev]'
