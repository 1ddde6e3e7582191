/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A name service of the tests (libnss_hung.so.2): knows one user, and answers no question as long
 * as the file $NSS_HUNG exists, as a directory service does whose server is away. About a name that
 * begins with `slow` it takes a second, when $NSS_SLOW is a file, and adds a byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UID 54321
#define GID 54320

static const char text[] = "hungry\0x\0/\0/bin/false";

static void wait_while_hung(void) {
    const char *path = getenv("NSS_HUNG");

    while (path && access(path, F_OK) == 0)
        usleep(10000);
}

static enum nss_status give_user(struct passwd *entry, char *buffer, size_t size, int *error) {
    *error = ERANGE;
    if (size < sizeof(text))
        return NSS_STATUS_TRYAGAIN;
    memcpy(buffer, text, sizeof(text));
    *entry = (struct passwd){.pw_name = buffer,
                             .pw_passwd = buffer + 7,
                             .pw_uid = UID,
                             .pw_gid = GID,
                             .pw_gecos = buffer + 7,
                             .pw_dir = buffer + 9,
                             .pw_shell = buffer + 11};
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_hung_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
                                     int *error);

enum nss_status _nss_hung_getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size,
                                     int *error) {
    wait_while_hung();
    *error = ENOENT;
    return uid == UID ? give_user(entry, buffer, size, error) : NSS_STATUS_NOTFOUND;
}

enum nss_status _nss_hung_getpwnam_r(const char *name, struct passwd *entry, char *buffer,
                                     size_t size, int *error);

enum nss_status _nss_hung_getpwnam_r(const char *name, struct passwd *entry, char *buffer,
                                     size_t size, int *error) {
    const char *path = getenv("NSS_SLOW");
    int fd = path && strncmp(name, "slow", 4) == 0 ? open(path, O_WRONLY | O_APPEND) : -1;

    if (fd >= 0) {
        ssize_t n = write(fd, "?", 1);
        close(fd);
        sleep(n == 1);
    }
    *error = ENOENT;
    if (strcmp(name, text) != 0)
        return NSS_STATUS_NOTFOUND;
    wait_while_hung();
    return give_user(entry, buffer, size, error);
}
