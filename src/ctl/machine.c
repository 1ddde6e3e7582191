/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "owner/file_identity.h"
#include "owner/process.h"
#include "util/cleanup.h"
#include "util/glob.h"
#include "util/memory.h"

/* net.ipv4.ip_local_port_range, of IPv6 too. What can't be read leaves what was known. */
static void read_port_range(Machine *machine, const NetHandles *handles) {
    char text[64] = "";

    _cleanup_close_ int fd = handles ? fcntl(handles->fds[HANDLE_PORT_RANGE], F_DUPFD_CLOEXEC, 3)
                                     : openat(machine->proc_fd, "sys/net/ipv4/ip_local_port_range",
                                              O_RDONLY | O_CLOEXEC);
    if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return;
    uint16_t first, last;
    if (sscanf(text, "%" SCNu16 " %" SCNu16, &first, &last) != 2 || first > last)
        return;
    machine->ephemeral_first = first;
    machine->ephemeral_last = last;
}

bool machine_renew(Machine *machine, const NetHandles *handles) {
    uint16_t first = machine->ephemeral_first, last = machine->ephemeral_last;
    bool missed = machine->members.missed;

    machine->members.missed = false;
    read_port_range(machine, handles);
    return missed || machine->ephemeral_first != first || machine->ephemeral_last != last;
}

int machine_open(Machine *machine, const NetHandles *handles) {
    /* The range is the kernel's default, for where it can't be read. */
    *machine =
        (Machine){.proc_fd = -1, .sys_fd = -1, .ephemeral_first = 32768, .ephemeral_last = 60999};

    int r = owner_sources_open(NULL, &machine->sources);
    if (r < 0)
        return r;
    machine->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (machine->proc_fd < 0) {
        r = -errno;
        owner_sources_close(&machine->sources);
        return r;
    }
    /* Without it some kinds of interface are not known: no reason to fail. */
    machine->sys_fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handles) {
        close(machine->sources.root_fd);
        machine->sources.root_fd = fcntl(handles->fds[HANDLE_ROOT], F_DUPFD_CLOEXEC, 3);
    }
    read_port_range(machine, handles);
    machine->is_open = true;
    return 0;
}

void machine_close(Machine *machine) {
    if (!machine->is_open)
        return;
    machine->is_open = false;
    close(machine->proc_fd);
    if (machine->sys_fd >= 0)
        close(machine->sys_fd);
    owner_sources_close(&machine->sources);
}

static int ask_file_identity(void *userdata, const char *path, FileId *ret) {
    const Machine *machine = userdata;
    return file_identity_within(machine->sources.root_fd, path, PROCESS_PATIENCE_MSEC, ret);
}

static int learn_groups(Machine *machine, uid_t uid) {
    int r = name_user_groups(uid, machine->members.groups, NAME_GROUPS_MAX);

    machine->members.known = r >= 0 || r == -ENOENT;
    machine->members.missed |= !machine->members.known;
    machine->members.uid = uid;
    machine->members.n_groups = r >= 0 ? r : 0;
    return machine->members.known ? 0 : r;
}

static int ask_user_in_group(void *userdata, uid_t uid, gid_t gid) {
    Machine *machine = userdata;

    if (!machine->members.known || machine->members.uid != uid) {
        int r = learn_groups(machine, uid);
        if (r < 0)
            return r;
    }
    for (int i = 0; i < machine->members.n_groups; i++)
        if (machine->members.groups[i] == gid)
            return true;
    return false;
}

JudgeContext machine_judge_context(Machine *machine, const Snapshot *snapshot, usec_t now) {
    return (JudgeContext){
        .links = snapshot->links,
        .netns = snapshot->netns,
        .now = now,
        .ephemeral_first = machine->ephemeral_first,
        .ephemeral_last = machine->ephemeral_last,
        .file_identity = ask_file_identity,
        .user_in_group = ask_user_in_group,
        .userdata = machine,
    };
}

static const char *const unit_directories[] = {
    "/etc/systemd/system",           "/run/systemd/system",         "/run/systemd/transient",
    "/run/systemd/generator",        "/run/systemd/generator.late", "/run/systemd/generator.early",
    "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",     "/lib/systemd/system",
};

/* Whether a file of that name lies in one of the directories; *ret_any: whether one exists. */
static bool unit_file_exists(const char *name, bool *ret_any) {
    bool any = false, found = false;

    for (size_t i = 0; i < ELEMENTS(unit_directories) && !found; i++) {
        _cleanup_close_ int fd = open(unit_directories[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            continue;
        any = true;
        found = faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
    *ret_any = any;
    return found;
}

/* Unit names and their templates: `getty@tty1.service` is made from `getty@.service`. */
static int ask_unit_exists(void *userdata, const char *unit) {
    const char *dot = strrchr(unit, '.'), *at = strchr(unit, '@');
    char template[256];
    bool any;

    (void)userdata;
    if (!dot || strchr(unit, '/') || strlen(unit) >= sizeof(template))
        return 0;
    /* Made by programs, not by files. */
    if (strcmp(dot, ".scope") == 0 || strcmp(dot, ".slice") == 0)
        return -EOPNOTSUPP;
    if (unit_file_exists(unit, &any))
        return 1;
    if (!any)
        return -ENOENT;
    if (!at || at > dot)
        return 0;
    snprintf(template, sizeof(template), "%.*s%s", (int)(at - unit) + 1, unit, dot);
    return unit_file_exists(template, &any);
}

static int ask_path_is_safe(void *userdata, const char *path, char **ret_place) {
    (void)userdata;
    return path_is_safe(path, ret_place);
}

LintContext machine_lint_context(const LinkTable *links, usec_t now) {
    return (LintContext){
        .now = now,
        .links = links,
        .unit_exists = ask_unit_exists,
        .path_is_safe = ask_path_is_safe,
    };
}
