/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/advice/restartable.h"

#include <stddef.h>

#include "util/glob.h"

static const char *const kinds[] = {"*.service", "*.socket"};

/* Units that must not be restarted or reconfigured, because this would end: */
static const char *const kept[] = {
    /* logins and their programs */
    "user@*",
    "user-runtime-dir@*",
    "ssh.*",
    "ssh@*",
    "sshd.*",
    "sshd@*",
    "dropbear*",
    "*getty*",
    "console-shell.*",
    "emergency.*",
    "rescue.*",
    "machine-getty@*",
    /* display managers */
    "display-manager.*",
    "gdm*",
    "sddm*",
    "lightdm*",
    "lxdm*",
    "xdm.*",
    "slim.*",
    "greetd.*",
    "ly.*",
    "plasmalogin.*",
    /* the dependencies of all other services */
    "dbus*",
    "polkit*",
    "systemd-*",
    "init.*",
    "sssd*",
    "nscd.*",
    "nslcd.*",
    "winbind.*",
    "accounts-daemon.*",
    /* network and name resolution */
    "NetworkManager*",
    "networking.*",
    "network.*",
    "ifup@*",
    "connman*",
    "iwd.*",
    "wpa_supplicant*",
    "dhcpcd*",
    "dhclient*",
    "resolvconf*",
    "unbound-resolvconf.*",
    /* running machines and containers */
    "libvirtd*",
    "virt*d.*",
    "machine-*",
    "systemd-nspawn@*",
    "docker*",
    "containerd*",
    "libpod-*",
    "lxd*",
    "incus*",
    "lxc*",
};

static bool any_matches(const char *const *patterns, size_t n_patterns, const char *unit) {
    for (size_t i = 0; i < n_patterns; i++)
        if (glob_matches(patterns[i], unit, GLOB_NAME))
            return true;
    return false;
}

bool unit_is_restartable(const char *unit) {
    return unit && any_matches(kinds, sizeof(kinds) / sizeof(*kinds), unit) &&
           !any_matches(kept, sizeof(kept) / sizeof(*kept), unit);
}
