/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/server_internal.h"

#include <criterion/criterion.h>
#include <errno.h>

Test(queue, counts_what_waits) {
    Queue queue = {};

    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 1000; i++)
            cr_assert_eq(queue_add(&queue, i), 0);
        queue_keep(&queue, 3); /* 997, 998, 999 */
        cr_assert_eq(queue.bytes, 997 + 998 + 999 + 3 * QUEUE_OVERHEAD);
        queue_keep(&queue, 5);
        cr_assert_eq(queue.n, 3);
        queue_keep(&queue, 1);
        cr_assert_eq(queue.bytes, 999 + QUEUE_OVERHEAD);
        if (round == 1)
            queue_keep(&queue, 0);
    }
    queue_keep(&queue, 0);
    cr_assert_eq(queue.bytes, 0);
    cr_assert_null(queue.sizes);
}

Test(queue, is_bounded) {
    Queue queue = {};
    size_t n = 0;

    cr_assert_eq(queue_add(&queue, BUS_QUEUE_MAX), -ENOBUFS);
    while (queue_add(&queue, 0) == 0)
        n++;
    cr_assert_leq(n, QUEUE_MESSAGES);
    cr_assert_leq(queue.bytes, BUS_QUEUE_MAX);
    cr_assert_gt(n, 1000);
    queue_done(&queue);
}
