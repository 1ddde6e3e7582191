/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/advice/restartable.h"

#include <criterion/criterion.h>
#include <stddef.h>

Test(restartable, services_and_sockets_may_be_restarted) {
    cr_expect(unit_is_restartable("nginx.service"));
    cr_expect(unit_is_restartable("postgresql@15-main.service"));
    cr_expect(unit_is_restartable("cockpit.socket"));
    cr_expect(unit_is_restartable("ssh-tunnel.service"));
}

Test(restartable, what_ends_a_session_may_not) {
    cr_expect_not(unit_is_restartable(NULL));
    cr_expect_not(unit_is_restartable(""));
    cr_expect_not(unit_is_restartable("session-2.scope"));
    cr_expect_not(unit_is_restartable("user-1000.slice"));
    cr_expect_not(unit_is_restartable("user@1000.service"));
    cr_expect_not(unit_is_restartable("ssh.service"));
    cr_expect_not(unit_is_restartable("systemd-resolved.service"));
    cr_expect_not(unit_is_restartable("libvirtd.service"));
}
