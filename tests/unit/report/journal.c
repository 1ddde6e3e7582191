/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that wait for a journal that is away. sd_journal_sendv() itself is tested on a booted
 * systemd (tests/system). */
#include "report/journal.h"

#include <criterion/criterion.h>
#include <syslog.h>

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
