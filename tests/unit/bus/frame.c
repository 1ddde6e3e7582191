/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define MAX 1024

static ssize_t line(const char *text) {
    return frame_line((const uint8_t *)text, strlen(text));
}

Test(frame, lines) {
    uint8_t many[FRAME_LINE_MAX + 10];

    cr_assert_eq(line(""), 0);
    cr_assert_eq(line("AUTH"), 0);
    cr_assert_eq(line("AUTH\r"), 0);
    cr_assert_eq(line("AUTH\r\nBEGIN\r\n"), 6);
    cr_assert_eq(frame_line((const uint8_t *)"\0AUTH\r\n", 7), 7);
    memset(many, 'a', sizeof(many));
    cr_assert_eq(frame_line(many, FRAME_LINE_MAX - 1), 0);
    cr_assert_eq(frame_line(many, FRAME_LINE_MAX), -EMSGSIZE);
    memcpy(many + FRAME_LINE_MAX - 1, "\r\n", 2);
    cr_assert_eq(frame_line(many, sizeof(many)), -EMSGSIZE);
    memcpy(many + FRAME_LINE_MAX - 2, "\r\n", 2);
    cr_assert_eq(frame_line(many, sizeof(many)), FRAME_LINE_MAX);
}

static void head(uint8_t *data, char order, uint32_t body, uint32_t fields) {
    memset(data, 0, MAX * 2);
    data[0] = (uint8_t)order;
    data[1] = data[3] = 1;
    for (size_t i = 0; i < 4; i++) {
        size_t shift = order == 'l' ? i * 8 : 24 - i * 8;
        data[4 + i] = (uint8_t)(body >> shift);
        data[12 + i] = (uint8_t)(fields >> shift);
    }
}

Test(frame, messages) {
    static uint8_t data[MAX * 2];

    for (size_t i = 0; i < 2; i++) {
        char order = "lB"[i];
        head(data, order, 10, 13);
        cr_assert_eq(frame_message(data, 0, MAX), 0);
        cr_assert_eq(frame_message(data, 15, MAX), 0);
        cr_assert_eq(frame_message(data, 41, MAX), 0);
        cr_assert_eq(frame_message(data, 42, MAX), 42);
        cr_assert_eq(frame_message(data, 100, MAX), 42);
        head(data, order, MAX - 16, 0);
        cr_assert_eq(frame_message(data, MAX, MAX), MAX);
        head(data, order, MAX - 15, 0);
        cr_assert_eq(frame_message(data, 16, MAX), -EMSGSIZE);
        head(data, order, 0, MAX - 16);
        cr_assert_eq(frame_message(data, MAX, MAX), MAX);
        /* What wraps is not small. */
        head(data, order, UINT32_MAX, UINT32_MAX);
        cr_assert_eq(frame_message(data, 16, MAX), -EMSGSIZE);
        head(data, order, 0, UINT32_MAX - 2);
        cr_assert_eq(frame_message(data, 16, MAX), -EMSGSIZE);
    }
}

Test(frame, what_is_no_message) {
    uint8_t data[MAX * 2];

    head(data, 'x', 0, 0);
    cr_assert_eq(frame_message(data, 1, MAX), -EBADMSG);
    head(data, 'l', 0, 0);
    data[3] = 2;
    cr_assert_eq(frame_message(data, 4, MAX), -EBADMSG);
}
