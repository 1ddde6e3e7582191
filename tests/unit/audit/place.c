/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "place.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "util/cleanup.h"

Place place_new(void) {
    Place place = {.path = "/tmp/audit-state-XXXXXX", .log_fd = -1};
    cr_assert(mkdtemp(place.path));
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(place.fd, 0);
    return place;
}

void place_done(Place *place) {
    static const char *const names[] = {"state", "state.log", "state.new", "state.corrupt"};
    for (size_t i = 0; i < 4; i++)
        unlinkat(place->fd, names[i], 0);
    cleanup_close(&place->log_fd);
    close(place->fd);
    cr_assert_eq(rmdir(place->path), 0, "something else was left in the directory");
}

char *place_read(const Place *place, const char *name, size_t *ret_length) {
    _cleanup_close_ int fd = openat(place->fd, name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    cr_assert(fd >= 0 && fstat(fd, &status) == 0);
    char *text = malloc((size_t)status.st_size + 1);
    cr_assert(text);
    cr_assert_eq(read(fd, text, (size_t)status.st_size), status.st_size);
    text[status.st_size] = '\0';
    *ret_length = (size_t)status.st_size;
    return text;
}

void place_write(const Place *place, const char *name, const char *text, size_t length) {
    _cleanup_close_ int fd =
        openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, length), (ssize_t)length);
}

bool place_has(const Place *place, const char *name) {
    return faccessat(place->fd, name, F_OK, 0) == 0;
}
