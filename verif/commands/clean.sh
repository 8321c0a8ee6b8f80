#!/bin/sh
# Removes build/, the virtual environment and caches: nothing that was not made here, and nothing
# at all while a command runs that writes there.
# Usage: sh verif/commands/clean.sh, in the project's folder. Variable: VENV, as in setup.sh.
set -eu

venv=${VENV:-.venv}

# Every command locks a file beside its folder and writes into it who it is.
if command -v flock >/dev/null; then
    for lock in build/.*.lock; do
        [ ! -f "$lock" ] || flock -n "$lock" true || {
            echo "clean: process $(cat "$lock") is at work in build/; wait for it, or end it" >&2
            exit 2
        }
    done
fi
rm -rf build dist .pytest_cache .ruff_cache .import_linter_cache ./*.egg-info
if [ -e "$venv/made-by-ffp8" ] || [ -e "$venv/requirements.installed" ]; then
    rm -rf "$venv"
elif [ -e "$venv" ]; then
    echo "clean: VENV=$venv was not made here, and stays"
fi
find . -name __pycache__ -type d -prune -exec rm -rf {} +
