/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/forwarder.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static Owner *held_by(const char *exe, ExeState state, uid_t uid, char *const *arguments) {
    Owner *owner = owner_new();
    owner->holders = calloc(1, sizeof(Holder));
    owner->n_holders = 1;
    Holder *holder = owner->holders;
    *holder = (Holder){.pid = 7, .uid = uid, .exe_state = state, .exe = strdup(exe)};
    holder->cmdline = calloc(16, sizeof(char *));
    for (size_t i = 0; arguments[i]; i++)
        holder->cmdline[i] = strdup(arguments[i]);
    cr_assert_eq(forwarder_set_container(owner), 0);
    return owner;
}

static char *const *conmon_arguments(void) {
    static char *arguments[] = {(char *)"conmon", (char *)"-c",  (char *)"0123abcd",
                                (char *)"-n",     (char *)"web", NULL};
    return arguments;
}

Test(forwarder, docker_proxy_of_root_is_docker) {
    Owner *owner = held_by("/usr/bin/docker-proxy", EXE_VERIFIED, 0, conmon_arguments());
    cr_assert(owner->runtime == RUNTIME_DOCKER && owner->container_id == NULL);
    owner_unref(owner);
}

Test(forwarder, conmon_of_root_tells_id_and_name) {
    Owner *owner = held_by("/usr/bin/conmon", EXE_VERIFIED, 0, conmon_arguments());
    cr_assert_eq(owner->runtime, RUNTIME_PODMAN);
    cr_assert_str_eq(owner->container_id, "0123abcd");
    cr_assert_str_eq(owner->container_name, "web");
    owner_unref(owner);
}

Test(forwarder, rootlessport_is_podman_and_no_more) {
    Owner *owner =
        held_by("/usr/libexec/podman/rootlessport", EXE_VERIFIED, 1000, conmon_arguments());
    cr_assert(owner->runtime == RUNTIME_PODMAN && !owner->container_id && !owner->container_name);
    owner_unref(owner);
}

Test(forwarder, a_user_can_claim_nothing_by_a_command_line) {
    static const struct {
        const char *exe;
        ExeState state;
        uid_t uid;
    } cases[] = {{"/usr/bin/conmon", EXE_VERIFIED, 1000},
                 {"/usr/bin/docker-proxy", EXE_VERIFIED, 1000},
                 {"/usr/bin/conmon", EXE_UNVERIFIED, 0},
                 {"/usr/bin/docker-proxy", EXE_UNKNOWN, 0},
                 {"/usr/libexec/podman/rootlessport", EXE_UNVERIFIED, 1000},
                 {"/usr/bin/not-conmon", EXE_VERIFIED, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Owner *owner = held_by(cases[i].exe, cases[i].state, cases[i].uid, conmon_arguments());
        cr_expect_eq(owner->runtime, RUNTIME_NONE, "%zu", i);
        cr_expect(owner->container_id == NULL);
        owner_unref(owner);
    }
}
