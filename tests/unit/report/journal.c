/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that wait for a journal that is away. sd_journal_sendv() itself is tested on a booted
 * systemd (tests/system). */
#include "report/journal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

Test(journal, keeps_what_it_cannot_send_and_no_more_than_it_may) {
    Journal *journal;
    cr_assert_eq(journal_new("/nonexistent/journal", &journal), 0);

    for (unsigned i = 0; i < JOURNAL_KEPT_MAX + 10; i++) {
        Record record;
        record_begin(&record, "0123456789abcdef0123456789abcdef", "flagged", LOG_WARNING, i);
        cr_assert_eq(journal_send(journal, &record), 0);
        cr_assert_eq(record.n_fields, 0);
    }
    cr_assert_eq(journal_flush(journal), JOURNAL_KEPT_MAX);
    journal_free(journal);
}

static int be_journald(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert_geq(fd, 0);
    cr_assert_lt(strlen(path), sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int send_one(Journal *journal) {
    Record record;
    record_begin(&record, "0123456789abcdef0123456789abcdef", "flagged", LOG_WARNING, 1);
    int r = journal_send(journal, &record);
    record_done(&record);
    return r;
}

static unsigned n_received(int fd) {
    char entry[512];
    unsigned n = 0;
    while (recv(fd, entry, sizeof(entry), MSG_DONTWAIT) > 0)
        n++;
    return n;
}

Test(journal, reconnects_after_a_restart_of_journald) {
    char directory[] = "/tmp/journal-XXXXXX", path[40];
    Journal *journal;

    cr_assert(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/socket", directory);
    cr_assert_eq(journal_new(path, &journal), 0);
    for (unsigned life = 0; life < 3; life++) {
        int fd = be_journald(path);
        cr_assert_eq(send_one(journal), 1);
        cr_assert_eq(send_one(journal), 1);
        cr_assert_eq(n_received(fd),
                     life == 0 ? 2 : 3); /* and the record that was kept meanwhile */
        close(fd);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(send_one(journal), 0);
    }
    cr_assert_eq(journal_kept(journal), 1);
    journal_free(journal);
    cr_assert_eq(rmdir(directory), 0);
}
