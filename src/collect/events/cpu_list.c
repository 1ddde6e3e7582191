/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/cpu_list.h"

#include <errno.h>
#include <string.h>

#include "collect/small_file.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/parse.h"

/* A number of text[*at..length), which moves *at behind it. */
static int read_number(const char *text, size_t length, size_t *at, unsigned *ret) {
    size_t end = *at;
    uint64_t value;

    while (end < length && text[end] >= '0' && text[end] <= '9')
        end++;
    if (parse_unsigned(text + *at, end - *at, CPU_MAX - 1, &value) < 0)
        return -EBADMSG;
    *at = end;
    *ret = (unsigned)value;
    return 0;
}

/* `3` or `0-3`. */
static int read_range(const char *text, size_t length, size_t *at, unsigned *ret_first,
                      unsigned *ret_last) {
    int r = read_number(text, length, at, ret_first);
    if (r < 0)
        return r;
    *ret_last = *ret_first;
    if (*at < length && text[*at] == '-') {
        ++*at;
        r = read_number(text, length, at, ret_last);
    }
    return r < 0 || *ret_last < *ret_first ? -EBADMSG : 0;
}

int cpu_list_parse(const char *text, size_t length, unsigned **ret, size_t *ret_n) {
    _cleanup_free_ unsigned *cpus = NULL;
    size_t n = 0, allocated = 0, at = 0;
    unsigned first, last;

    if (length > 0 && text[length - 1] == '\n')
        length--;
    while (at < length) {
        if (n > 0 && text[at++] != ',')
            return -EBADMSG;
        if (read_range(text, length, &at, &first, &last) < 0 || (n > 0 && first <= cpus[n - 1]))
            return -EBADMSG;
        if (ARRAY_RESERVE(cpus, allocated, n + last - first + 1) < 0)
            return -ENOMEM;
        for (unsigned cpu = first; cpu <= last; cpu++)
            cpus[n++] = cpu;
    }
    *ret = TAKE_PTR(cpus);
    *ret_n = n;
    return 0;
}

int cpu_list_online(int sys_fd, unsigned **ret, size_t *ret_n) {
    _cleanup_free_ char *text = NULL;
    size_t length;

    int r = small_file_read(sys_fd, "devices/system/cpu/online", &text, &length);
    return r < 0 ? r : cpu_list_parse(text, length, ret, ret_n);
}
