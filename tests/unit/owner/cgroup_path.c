/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/cgroup_path.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/memory.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Case {
    const char *path, *unit, *user_unit, *session;
    ContainerRuntime runtime;
    const char *id, *name;
} Case;

static void expect_text(const char *path, const char *what, const char *got, const char *expected) {
    cr_expect((!got && !expected) || (got && expected && strcmp(got, expected) == 0),
              "%s: %s is %s, not %s", path, what, got ? got : "none", expected ? expected : "none");
}

static void expect(const Case *c, size_t owned_from) {
    CgroupIdentity identity;
    cr_assert_eq(cgroup_path_interpret(c->path, owned_from, &identity), 0);
    expect_text(c->path, "unit", identity.unit, c->unit);
    expect_text(c->path, "user unit", identity.user_unit, c->user_unit);
    expect_text(c->path, "session", identity.session, c->session);
    cr_expect_eq(identity.runtime, c->runtime, "%s: %s", c->path,
                 container_runtime_name(identity.runtime));
    expect_text(c->path, "id", identity.container_id, c->id);
    expect_text(c->path, "name", identity.container_name, c->name);
    cgroup_identity_done(&identity);
}

Test(cgroup_path, units_and_sessions) {
    static const Case cases[] = {
        {"/"},
        {""},
        {"/init.scope", .unit = "init.scope"},
        {"/system.slice/ssh.service", .unit = "ssh.service"},
        {"/system.slice/ssh.service/", .unit = "ssh.service"},
        {"/system.slice"},
        {"/system.slice/system-getty.slice/getty@tty1.service", .unit = "getty@tty1.service"},
        {"/system.slice/dev-x\\x2dy.mount", .unit = "dev-x\\x2dy.mount"},
        {"/system.slice/_cgroup.service", .unit = "cgroup.service"},
        {"/a.slice/a-b.slice/a-b-c.slice/x.service", .unit = "x.service"},
        {"/system.slice/a.service/sub/ssh.service", .unit = "a.service"},
        {"/user.slice/user-1000.slice/session-3.scope", .unit = "session-3.scope", .session = "3"},
        {"/user.slice/user-1000.slice/session-c1.scope/x", .unit = "session-c1.scope",
         .session = "c1"},
        {"/system.slice/session-3.scope", .unit = "session-3.scope"},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
         .unit = "user@1000.service", .user_unit = "foo.service"},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.x.slice/vte-1.scope",
         .unit = "user@1000.service", .user_unit = "vte-1.scope"},
        {"/user.slice/user-1000.slice/user@1000.service/init.scope", .unit = "user@1000.service",
         .user_unit = "init.scope"},
        {"/user.slice/user-1000.slice/user@1000.service", .unit = "user@1000.service"},
        {"/elsewhere"},
        {"/elsewhere/system.slice/ssh.service"},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++)
        expect(&cases[i], SIZE_MAX);
}

Test(cgroup_path, a_user_cannot_name_their_way_into_a_system_unit) {
    static const Case cases[] = {
        {"/user.slice/user-1000.slice/user@1000.service/system.slice/ssh.service",
         .unit = "user@1000.service", .user_unit = "ssh.service"},
        {"/user.slice/user-1000.slice/user@1000.service/x/system.slice/ssh.service",
         .unit = "user@1000.service"},
        {"/user.slice/user-1000.slice/session-1.scope/system.slice/ssh.service",
         .unit = "session-1.scope", .session = "1"},
        {"/system.slice/user@evil.service/app.slice/x.service", .unit = "user@evil.service"},
        {"/machine.slice/machine-web.scope/payload/system.slice/ssh.service",
         .unit = "machine-web.scope", .runtime = RUNTIME_NSPAWN, .name = "web"},
        {"/lxc.payload.web/system.slice/ssh.service", .runtime = RUNTIME_LXC, .name = "web"},
        {"/docker/" ID "/system.slice/ssh.service", .runtime = RUNTIME_DOCKER, .id = ID},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++)
        expect(&cases[i], SIZE_MAX);
}

Test(cgroup_path, what_others_than_root_have_named_is_no_system_unit) {
    static const char path[] = "/alice.slice/ssh.service/docker-" ID ".scope";
    const size_t slice = strlen("/alice.slice"), unit = strlen("/alice.slice/ssh.service");
    expect(&(Case){path}, 0);
    expect(&(Case){path}, slice);
    expect(&(Case){path, .unit = "ssh.service"}, unit);
    expect(&(Case){path, .unit = "ssh.service", .runtime = RUNTIME_DOCKER, .id = ID}, SIZE_MAX);
}

Test(cgroup_path, containers) {
    static const Case cases[] = {
        {"/system.slice/docker-" ID ".scope", .unit = "docker-" ID ".scope",
         .runtime = RUNTIME_DOCKER, .id = ID},
        {"/docker/" ID, .runtime = RUNTIME_DOCKER, .id = ID},
        {"/machine.slice/libpod-" ID ".scope/container", .unit = "libpod-" ID ".scope",
         .runtime = RUNTIME_PODMAN, .id = ID},
        {"/machine.slice/libpod-conmon-" ID ".scope", .unit = "libpod-conmon-" ID ".scope",
         .runtime = RUNTIME_PODMAN, .id = ID},
        {"/libpod_parent/libpod-" ID, .runtime = RUNTIME_PODMAN, .id = ID},
        {"/libpod_parent/libpod-conmon-" ID, .runtime = RUNTIME_PODMAN, .id = ID},
        {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/"
         "cri-containerd-" ID ".scope",
         .unit = "cri-containerd-" ID ".scope", .runtime = RUNTIME_CONTAINERD, .id = ID},
        {"/kubepods/burstable/pod11111111-2222-3333-4444-555555555555/" ID,
         .runtime = RUNTIME_CONTAINERD, .id = ID},
        {"/system.slice/containerd.service/kubepods-x.slice:cri-containerd:" ID,
         .unit = "containerd.service", .runtime = RUNTIME_CONTAINERD, .id = ID},
        {"/system.slice/nerdctl-" ID ".scope", .unit = "nerdctl-" ID ".scope",
         .runtime = RUNTIME_CONTAINERD, .id = ID},
        {"/kubepods.slice/crio-" ID ".scope", .unit = "crio-" ID ".scope", .runtime = RUNTIME_CRIO,
         .id = ID},
        {"/kubepods.slice/crio-conmon-" ID ".scope", .unit = "crio-conmon-" ID ".scope",
         .runtime = RUNTIME_CRIO, .id = ID},
        {"/lxc/web/ns", .runtime = RUNTIME_LXC, .name = "web"},
        {"/lxc.payload/web", .runtime = RUNTIME_LXC, .name = "web"},
        {"/lxc.payload.web", .runtime = RUNTIME_LXC, .name = "web"},
        {"/lxc.monitor.web"},
        {"/machine.slice/machine-web\\x2dtest.scope/payload", .unit = "machine-web\\x2dtest.scope",
         .runtime = RUNTIME_NSPAWN, .name = "web-test"},
        {"/machine.slice/systemd-nspawn@web.service/payload", .unit = "systemd-nspawn@web.service",
         .runtime = RUNTIME_NSPAWN, .name = "web"},
        {"/machine.slice/machine-qemu\\x2d1\\x2dwin.scope",
         .unit = "machine-qemu\\x2d1\\x2dwin.scope"},
        {"/machine.slice/machine-lxc\\x2d1\\x2dweb.scope",
         .unit = "machine-lxc\\x2d1\\x2dweb.scope", .runtime = RUNTIME_LXC, .name = "lxc-1-web"},
        {"/machine.slice/machine-a\\x00b\\xzz.scope", .unit = "machine-a\\x00b\\xzz.scope",
         .runtime = RUNTIME_NSPAWN, .name = "a\\x00b\\xzz"},
        /* Near misses. */
        {"/system.slice/docker.service", .unit = "docker.service"},
        {"/system.slice/docker-0123.scope", .unit = "docker-0123.scope"},
        {"/docker/buildkit"},
        {"/docker/" ID "0"},
        {"/elsewhere/" ID},
        {"/system.slice/machine-.scope", .unit = "machine-.scope"},
    };
    for (size_t i = 0; i < ELEMENTS(cases); i++)
        expect(&cases[i], SIZE_MAX);
}

Test(cgroup_path, the_outermost_container_is_the_one) {
    expect(&(Case){"/lxc.payload.web/system.slice/docker-" ID ".scope", .runtime = RUNTIME_LXC,
                   .name = "web"},
           SIZE_MAX);
    expect(&(Case){"/docker/" ID "/lxc.payload.web", .runtime = RUNTIME_DOCKER, .id = ID},
           SIZE_MAX);
}

#define MANAGER "/user.slice/user-1000.slice/user@1000.service/"

Test(cgroup_path, in_a_users_own_tree_only_podman_is_believed_and_no_id) {
    expect(&(Case){MANAGER "user.slice/libpod-" ID ".scope/container", .unit = "user@1000.service",
                   .user_unit = "libpod-" ID ".scope", .runtime = RUNTIME_PODMAN},
           SIZE_MAX);
    expect(&(Case){MANAGER "docker-" ID ".scope", .unit = "user@1000.service",
                   .user_unit = "docker-" ID ".scope"},
           SIZE_MAX);
    expect(&(Case){MANAGER "lxc.payload.web", .unit = "user@1000.service"}, SIZE_MAX);
    /* A claim that is not believed does not open the way for another behind it. */
    expect(&(Case){MANAGER "lxc.payload.web/libpod-" ID, .unit = "user@1000.service"}, SIZE_MAX);
}

Test(cgroup_path, unit_names_are_checked_as_systemd_does) {
    static const char *const bad[] = {"",
                                      ".service",
                                      "@.service",
                                      "a",
                                      "a.txt",
                                      "a b.service",
                                      "a/b.service",
                                      "\xff.service",
                                      "a\n.service",
                                      "a.servic",
                                      "a.timer"};
    for (size_t i = 0; i < ELEMENTS(bad); i++)
        cr_expect(!unit_name_is_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
    static const char *const good[] = {
        "a.service", "a@b.service", "-.mount", "a:b-c_d.e\\x2d.scope",
        "x.swap",    "x.socket",    "-.slice"};
    for (size_t i = 0; i < ELEMENTS(good); i++)
        cr_expect(unit_name_is_valid(good[i], strlen(good[i])), "%s", good[i]);
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name));
    memcpy(long_name + 248, ".service", 9);
    cr_expect(!unit_name_is_valid(long_name, strlen(long_name)));
    cr_expect(unit_name_is_valid(long_name + 1, strlen(long_name + 1)));
}
