#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a command in a network namespace of its own, which has `lo` and a link `zoo0` with addresses
# (one end of a veth; both go with the namespace): namespace.sh COMMAND [ARGUMENT…]
#
# Where no namespace can be made it is skipped (77), and in CI it fails.
set -eu

if [ "${IN_NAMESPACE-}" != yes ]; then
    if ! unshare -n true 2>/dev/null; then
        echo "cannot make a network namespace: run it as root" >&2
        [ -n "${CI-}" ] && exit 1
        exit 77
    fi
    IN_NAMESPACE=yes exec unshare -n "$0" "$@"
fi

ip link set lo up
ip link add zoo0 type veth peer name zoo1
ip addr add 192.0.2.1/24 dev zoo0
ip -6 addr add fd00:200::1/64 dev zoo0 nodad
ip -6 addr add fe80::200/64 dev zoo0 nodad
ip link set zoo0 up
ip link set zoo1 up
exec "$@"
