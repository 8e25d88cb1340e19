#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh - installs the Debian packages that building and testing need; silent where all are there.
set -eu
need="gcc clang make pkg-config git ca-certificates
libdnnl-dev libutf8proc-dev libjansson-dev libinih-dev libssl-dev libcsv-dev
libzmq3-dev libsqlite3-dev libvips-dev libseccomp-dev libcriterion-dev
clang-format clang-tidy libclang-rt-14-dev jq strace faketime gcovr iproute2 python3-zmq"
missing=
for p in $need; do
    case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
    *" installed") ;;
    *) missing="$missing $p" ;;
    esac
done
[ -n "$missing" ] || exit 0
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || { echo "deps: run as root: apt-get install$missing" >&2; exit 77; }
fi
echo "deps: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
