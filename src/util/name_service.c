/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/name_service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/nearest.h"

/* What one entry of a name service may need; more is an answer that we don't want. */
#define ENTRY_MAX ((size_t)1024 * 1024)

/* --- asked here and now --- */

/* getpwnam_r(3): "not found" has several faces. */
static int lookup_error(int r) {
    return r == 0 || r == ESRCH || r == EBADF || r == EPERM ? -ENOENT : -r;
}

static int take_text(const char *text, NameAnswer *ret) {
    int length = snprintf(ret->text, sizeof(ret->text), "%s", text);
    if (length <= 0)
        return -ENOENT;
    return (size_t)length < sizeof(ret->text) ? 0 : -ENAMETOOLONG;
}

static int find_user_id(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct passwd entry, *found = NULL;
    int r = getpwnam_r(question->text, &entry, buffer, size, &found);
    if (found)
        ret->number = found->pw_uid;
    return found ? 0 : lookup_error(r);
}

static int find_group_id(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct group entry, *found = NULL;
    int r = getgrnam_r(question->text, &entry, buffer, size, &found);
    if (found)
        ret->number = found->gr_gid;
    return found ? 0 : lookup_error(r);
}

static int find_port(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct servent entry, *found = NULL;
    int r = getservbyname_r(question->text, NULL, &entry, buffer, size, &found);
    if (found)
        ret->number = ntohs((uint16_t)found->s_port);
    return found ? 0 : lookup_error(r);
}

static int find_user(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct passwd entry, *found = NULL;
    int r = getpwuid_r(question->id, &entry, buffer, size, &found);
    return found ? take_text(found->pw_name, ret) : lookup_error(r);
}

static int find_group(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct group entry, *found = NULL;
    int r = getgrgid_r(question->id, &entry, buffer, size, &found);
    return found ? take_text(found->gr_name, ret) : lookup_error(r);
}

static int find_groups(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct passwd entry, *found = NULL;
    int n_groups = NAME_GROUPS_MAX;

    int r = getpwuid_r(question->id, &entry, buffer, size, &found);
    if (!found)
        return lookup_error(r);
    if (getgrouplist(found->pw_name, found->pw_gid, ret->groups, &n_groups) < 0)
        n_groups = NAME_GROUPS_MAX; /* more than these: the first are there */
    ret->n_groups = (uint32_t)n_groups;
    return 0;
}

static bool group_is_own(const struct group *group, const struct passwd *user) {
    if (strcmp(user->pw_name, group->gr_name) != 0 || user->pw_gid != group->gr_gid)
        return false;
    for (char **member = group->gr_mem; *member; member++)
        if (strcmp(*member, user->pw_name) != 0)
            return false;
    return true;
}

static int find_owned(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret) {
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;
    size_t half = size / 2;

    int r = getpwuid_r(question->of, &user, buffer, half, &found_user);
    if (found_user)
        r = getgrgid_r(question->id, &group, buffer + half, size - half, &found_group);
    if (!found_user || !found_group)
        return lookup_error(r);
    ret->number = group_is_own(found_group, found_user);
    return 0;
}

static int find_near_service(const NameQuestion *question, char *buffer, size_t size,
                             NameAnswer *ret) {
    struct servent *entry;
    int r = -ENOENT;

    (void)buffer, (void)size;
    setservent(1);
    while ((entry = getservent())) {
        const char *pair[] = {r == 0 ? ret->text : NULL, entry->s_name};
        if (nearest_word(question->text, pair, ELEMENTS(pair)) == entry->s_name)
            r = take_text(entry->s_name, ret);
    }
    endservent();
    return r;
}

static int find_any_service(const NameQuestion *question, char *buffer, size_t size,
                            NameAnswer *ret) {
    (void)question, (void)buffer, (void)size;
    setservent(1);
    ret->number = getservent() != NULL;
    endservent();
    return 0;
}

typedef int (*Find)(const NameQuestion *question, char *buffer, size_t size, NameAnswer *ret);

/* Asks with a buffer that grows as long as it is told to be too small. */
static int find_growing(Find find, const NameQuestion *question, NameAnswer *ret) {
    for (size_t size = 4096; size <= ENTRY_MAX; size *= 4) {
        _cleanup_free_ char *buffer = malloc(size);
        if (!buffer)
            return -ENOMEM;
        int r = find(question, buffer, size, ret);
        if (r != -ERANGE)
            return r;
    }
    return -ERANGE;
}

void name_answer(const NameQuestion *question, NameAnswer *ret) {
    static const Find finds[NAME_KIND_COUNT] = {
        [NAME_USER_ID] = find_user_id,
        [NAME_GROUP_ID] = find_group_id,
        [NAME_SERVICE_PORT] = find_port,
        [NAME_USER] = find_user,
        [NAME_GROUP] = find_group,
        [NAME_USER_GROUPS] = find_groups,
        [NAME_GROUP_OWN] = find_owned,
        [NAME_NEAR_SERVICE] = find_near_service,
        [NAME_ANY_SERVICE] = find_any_service,
    };

    ret->number = ret->n_groups = 0;
    ret->text[0] = '\0';
    ret->result = question->kind < NAME_KIND_COUNT
                      ? find_growing(finds[question->kind], question, ret)
                      : -EINVAL;
}

/* --- by whoever answers --- */

static NameAsk asked;
static void *asked_userdata;

void name_service_set(NameAsk ask, void *userdata) {
    asked = ask;
    asked_userdata = userdata;
}

/* Returns what the answer says, or why there is none. */
static int ask(const NameQuestion *question, NameAnswer *ret) {
    if (!asked) {
        name_answer(question, ret);
        return ret->result;
    }
    int r = asked(asked_userdata, question, ret);
    return r < 0 ? r : ret->result;
}

/* About a name: none is as long as not to fit. */
static int ask_text(NameKind kind, const char *text, NameAnswer *ret) {
    NameQuestion question = {.kind = kind};
    size_t length = strlen(text);

    if (length >= sizeof(question.text))
        return -ENOENT;
    memcpy(question.text, text, length);
    return ask(&question, ret);
}

static int ask_number(NameKind kind, const char *text, uint32_t *ret) {
    NameAnswer answer = {};
    int r = ask_text(kind, text, &answer);
    if (r < 0)
        return r;
    *ret = answer.number;
    return 0;
}

int name_user_id(const char *name, uint32_t *ret) {
    return ask_number(NAME_USER_ID, name, ret);
}

int name_group_id(const char *name, uint32_t *ret) {
    return ask_number(NAME_GROUP_ID, name, ret);
}

int name_service_port(const char *name, uint32_t *ret) {
    return ask_number(NAME_SERVICE_PORT, name, ret);
}

static int ask_name(NameKind kind, uint32_t id, char ret[static NAME_TEXT_SIZE]) {
    const NameQuestion question = {.kind = kind, .id = id};
    NameAnswer answer = {};
    int r = ask(&question, &answer);
    if (r < 0)
        return r;
    memcpy(ret, answer.text, NAME_TEXT_SIZE);
    return 0;
}

int name_of_user(uint32_t uid, char ret[static NAME_TEXT_SIZE]) {
    return ask_name(NAME_USER, uid, ret);
}

int name_of_group(uint32_t gid, char ret[static NAME_TEXT_SIZE]) {
    return ask_name(NAME_GROUP, gid, ret);
}

int name_near_service(const char *word, char ret[static NAME_TEXT_SIZE]) {
    NameAnswer answer = {};
    int r = ask_text(NAME_NEAR_SERVICE, word, &answer);
    if (r < 0)
        return r;
    memcpy(ret, answer.text, NAME_TEXT_SIZE);
    return 0;
}

int name_user_groups(uint32_t uid, uint32_t *groups, uint32_t size) {
    const NameQuestion question = {.kind = NAME_USER_GROUPS, .id = uid};
    NameAnswer answer = {};
    int r = ask(&question, &answer);
    if (r < 0)
        return r;
    uint32_t n = answer.n_groups < size ? answer.n_groups : size;
    memcpy(groups, answer.groups, n * sizeof(*groups));
    return (int)n;
}

static int ask_whether(const NameQuestion *question) {
    NameAnswer answer = {};
    int r = ask(question, &answer);
    return r < 0 ? r : answer.number != 0;
}

int name_group_is_own(uint32_t gid, uint32_t uid) {
    return ask_whether(&(NameQuestion){.kind = NAME_GROUP_OWN, .id = gid, .of = uid});
}

int name_any_service(void) {
    return ask_whether(&(NameQuestion){.kind = NAME_ANY_SERVICE});
}
