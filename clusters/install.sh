#!/usr/bin/env bash
# `pip install`, once: a node on which exactly this was installed before is done at once. The setup
# commands of the cluster files call it.
#
#   [NEUROSWEEP_CACHE=DIR] install.sh [--venv DIR] -c ~/neurosweep/constraints.txt -e ~/neurosweep'[gpu]' [PACKAGE…]
#
# What follows --venv DIR is pip's. Without --venv it installs into the Python that is first on the
# path, which a container has for itself. With -e code is used where it lies: what file_mounts brings
# later needs no second installation. NEUROSWEEP_CACHE is the folder of images, weights and features on
# this node, ~/neurosweep-cache if it is not set; whatever runs here later has it from the file that
# is written last.
set -euo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# A Python that TensorFlow has wheels for, and that can make an environment: the same on each node,
# for Ray refuses a node whose Python differs, be it in the patch level.
suitable() {
  local name
  for name in python3.11 python3 python3.12 python3.13; do
    if "$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  echo "install.sh: needs Python 3.11 to 3.13 that can make environments; install python3.11 and python3.11-venv on this machine" >&2
  return 1
}

python=python3
if [ "${1:-}" = --venv ]; then
  venv=$2
  shift 2
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    base=$(suitable)
    "$base" -m venv --clear "$venv" # --clear: an earlier attempt may have been cut short
  fi
  python=$venv/bin/python
fi

# The mark is named after all that decides what is installed, and lies beside what it marks.
wanted=$({ "$python" -V; echo "$*"; cat "$checkout/pyproject.toml" "$checkout/constraints.txt"; } | sha256sum | cut -d' ' -f1)
marks=$("$python" -c 'import sys; print(sys.prefix)')/neurosweep-installed
if [ ! -e "$marks/$wanted" ]; then
  "$python" -m pip install --quiet --disable-pip-version-check "$@"
  mkdir -p "$marks"
  touch "$marks/$wanted"
fi

# What `ray start` and every shell on the node need, `ray exec` and `ray attach` included: our Python
# first, the token asked for, one cache. A login shell reads one profile only, and a bare home folder
# has none.
settings=$HOME/.neurosweep.sh
cache=${NEUROSWEEP_CACHE:-$HOME/neurosweep-cache}
{
  echo "export PATH=\"$(dirname "$("$python" -c 'import sys; print(sys.executable)')"):\$PATH\""
  echo 'export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0'
  # A container that has it in its environment, as on Kubernetes, keeps that.
  printf '[ -n "${NEUROSWEEP_CACHE:-}" ] || export NEUROSWEEP_CACHE=%q\n' "$cache"
} >"$settings"
profile=$HOME/.profile
for name in .bash_login .bash_profile; do
  [ ! -e "$HOME/$name" ] || profile=$HOME/$name
done
for file in "$HOME/.bashrc" "$profile"; do
  grep -qsF '. ~/.neurosweep.sh' "$file" || echo '. ~/.neurosweep.sh' >>"$file"
done
