/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/perf_cgroup.h"

#include <string.h>

#include "collect/small_file.h"
#include "util/cleanup.h"

bool perf_cgroup_parse(const char *text, size_t length) {
    static const char name[] = "perf_event\t";
    const size_t name_length = sizeof(name) - 1;

    for (const char *line = text, *end = text + length; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((stop ? stop : end) - line);
        if (line_length > name_length && memcmp(line, name, name_length) == 0)
            return line[name_length] == '0';
        line += line_length + 1;
    }
    return true;
}

bool perf_cgroup_is_v2(int proc_fd) {
    _cleanup_free_ char *text = NULL;
    size_t length;

    return small_file_read(proc_fd, "cgroups", &text, &length) < 0 ||
           perf_cgroup_parse(text, length);
}
