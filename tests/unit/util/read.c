/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/read.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

/* The reading end of a pipe that holds the text, and ends. */
static int pipe_of(const char *text) {
    int fds[2];
    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    cr_assert_eq(write(fds[1], text, strlen(text)), (ssize_t)strlen(text));
    close(fds[1]);
    return fds[0];
}

Test(read, up_to_a_size_or_the_end) {
    char buffer[8] = "xxxxxxx";
    size_t length = 99;

    _cleanup_close_ int longer = pipe_of("abcdef");
    cr_assert_eq(read_up_to(longer, buffer, 4, &length), 0);
    cr_assert_eq(length, 4);
    cr_assert_arr_eq(buffer, "abcdx", 5);
    cr_assert_eq(read_up_to(longer, buffer, 4, &length), 0);
    cr_assert_eq(length, 2);
    cr_assert_eq(read_up_to(longer, buffer, 4, &length), 0);
    cr_assert_eq(length, 0);
}

static void *write_slowly(void *userdata) {
    int fd = *(int *)userdata;
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(write(fd, "abc", 3), 3);
        usleep(1000);
    }
    close(fd);
    return NULL;
}

Test(read, the_pieces_are_put_together) {
    _cleanup_free_ char *text = NULL;
    pthread_t writer;
    size_t length;
    int fds[2];

    cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
    cr_assert_eq(pthread_create(&writer, NULL, write_slowly, &fds[1]), 0);
    cr_assert_eq(read_whole(fds[0], 100, &text, &length), 0);
    cr_assert_eq(pthread_join(writer, NULL), 0);
    close(fds[0]);
    cr_assert_eq(length, 9);
    cr_assert_str_eq(text, "abcabcabc");
}

Test(read, whole_up_to_its_bound) {
    static const struct {
        const char *text;
        size_t max;
        int result;
    } cases[] = {
        {"", 0, 0}, {"", 5, 0}, {"abcde", 5, 0}, {"abcdef", 5, -EFBIG}, {"a", 0, -EFBIG},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = pipe_of(cases[i].text);
        size_t length = 99;
        cr_assert_eq(read_whole(fd, cases[i].max, &text, &length), cases[i].result);
        cr_assert_eq(length, cases[i].result == 0 ? strlen(cases[i].text) : 99);
        if (cases[i].result == 0)
            cr_assert_str_eq(text, cases[i].text);
        else
            cr_assert_null(text);
    }
}

Test(read, what_fails_is_said) {
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t length;
    cr_assert_eq(read_whole(directory, 100, &text, &length), -EISDIR);
    cr_assert_eq(read_whole(-1, 100, &text, &length), -EBADF);
    cr_assert_null(text);
}
