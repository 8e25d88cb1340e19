#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tidy.sh - clang-tidy over the product sources, two at a time; unchanged files are not read again.
set -eu
done=build/tidy
mkdir -p "$done"
packages="libutf8proc jansson inih libcrypto libzmq sqlite3 vips libseccomp"
# shellcheck disable=SC2046,SC2086
flags="-std=c11 -D_GNU_SOURCE -DASSAY_VERSION=\"\" -I. $(pkg-config --cflags $packages | sed 's/-I/-isystem /g')"
headers=$(git ls-files '*.h' '*.def' .clang-tidy | xargs cat | sha256sum | cut -c1-16)
export done flags headers
check() {
    case $1 in encoders/plugin.c) more='-DENC_KIND=enc_text_kind -DENC_HEADER="encoders/text/text.h"' ;; *) more= ;; esac
    stamp=$done/$(cat "$1" | sha256sum | cut -c1-16)-$headers
    [ ! -e "$stamp" ] || return 0
    # shellcheck disable=SC2086
    clang-tidy --quiet "$1" -- $flags $more 2>/dev/null && : >"$stamp"
}
if [ $# -gt 0 ]; then
    check "$1"
    exit
fi
git ls-files 'core/*.c' 'plugins/*.c' 'encoders/*.c' 'fusion/*.c' 'train/*.c' 'daemon/*.c' 'tools/*.c' |
    xargs -P 2 -n 1 "$0"
