/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/subuids.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int find_user(void *userdata, const char *name, uid_t *ret) {
    (void)userdata;
    if (strcmp(name, "alice") != 0 && strcmp(name, "bob") != 0)
        return -ENOENT;
    *ret = name[0] == 'a' ? 1000 : 1001;
    return 0;
}

static Subuids parse(const char *text, size_t length) {
    Subuids subuids;
    cr_assert_eq(subuids_parse(text, length, find_user, NULL, &subuids), 0);
    return subuids;
}

Test(subuids, are_charged_to_who_was_given_them) {
    static const char text[] = "alice:100000:65536\nbob:165536:65536\n1002:300000:1\n"
                               "alice:500000:10"; /* without an end of line */
    Subuids subuids = parse(text, strlen(text));
    cr_assert_eq(subuids_owner(&subuids, 99999), 99999);
    cr_assert_eq(subuids_owner(&subuids, 100000), 1000);
    cr_assert_eq(subuids_owner(&subuids, 165535), 1000);
    cr_assert_eq(subuids_owner(&subuids, 165536), 1001);
    cr_assert_eq(subuids_owner(&subuids, 231072), 231072);
    cr_assert_eq(subuids_owner(&subuids, 300000), 1002);
    cr_assert_eq(subuids_owner(&subuids, 300001), 300001);
    cr_assert_eq(subuids_owner(&subuids, 500009), 1000);
    cr_assert_eq(subuids_owner(&subuids, 0), 0);
    cr_assert_eq(subuids_owner(&subuids, UINT32_MAX), UINT32_MAX);
    subuids_done(&subuids);
    cr_assert_eq(subuids_owner(&subuids, 100000), 100000);
}

Test(subuids, overlaps_belong_to_who_begins_first) {
    static const char text[] = "bob:150000:100\nalice:100000:65536\nbob:160000:10000\n";
    Subuids subuids = parse(text, strlen(text));
    cr_assert_eq(subuids_owner(&subuids, 150000), 1000);
    cr_assert_eq(subuids_owner(&subuids, 165535), 1000);
    cr_assert_eq(subuids_owner(&subuids, 165536), 1001);
    cr_assert_eq(subuids_owner(&subuids, 169999), 1001);
    cr_assert_eq(subuids_owner(&subuids, 170000), 170000);
    subuids_done(&subuids);
}

Test(subuids, what_is_no_line_gives_nobody_anything) {
    static const char *const lines[] = {
        "",        "alice",     "alice:100000",    "alice:100000:",           ":100000:65536",
        "alice::", "alice:0:1", "alice:-1:5",      "alice:100000:4294967295", "alice:4294967295:1",
        "eve:1:1", "alice:1:0", "alice:100000:1:", "# alice:100000:65536",    "alice:100000:1 x",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        Subuids subuids = parse(lines[i], strlen(lines[i]));
        cr_assert_eq(subuids.n, 0, "%s", lines[i]);
    }
    Subuids subuids = parse("alice:7:1\0:8:1\n\nbob:9:1\n", 23);
    cr_assert_eq(subuids_owner(&subuids, 7), 7);
    cr_assert_eq(subuids_owner(&subuids, 9), 1001);
    subuids_done(&subuids);
}

Test(subuids, are_bounded) {
    static char text[SUBUID_RANGES_MAX * 40];
    size_t length = 0;
    for (unsigned i = 0; i < SUBUID_RANGES_MAX + 100; i++)
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "bob:%u:5\n", 1000 + 10 * i);
    Subuids subuids = parse(text, length);
    cr_assert_eq(subuids.n, SUBUID_RANGES_MAX);
    cr_assert_eq(subuids_owner(&subuids, 1000 + 10 * (SUBUID_RANGES_MAX - 1)), 1001);
    subuids_done(&subuids);
}
