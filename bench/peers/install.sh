#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh FOLDER - what bench/run.sh compares with: PyTorch and ONNX from Debian, ONNX Runtime from
# npm into FOLDER (its scripts are not run: the package has the processor's library in it).
set -eu
mkdir -p "$1"
need=
for p in python3-torch python3-onnx python3-numpy nodejs npm; do
    case $p in
    nodejs | npm) command -v "$(echo "$p" | sed 's/nodejs/node/')" >/dev/null && continue ;;
    esac
    case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
    *" installed") ;;
    *) need="$need $p" ;;
    esac
done
if [ -n "$need" ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $need >/dev/null
fi
[ -d "$1/node_modules/onnxruntime-node" ] ||
    npm install --silent --ignore-scripts --prefix "$1" onnxruntime-node >/dev/null
