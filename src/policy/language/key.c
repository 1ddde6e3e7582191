/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/language/key.h"

#include <string.h>

#include "util/cleanup.h"
#include "util/escape.h"

#define KEY(function) item_parse_##function, match_judge_##function, match_tell_##function

const Key key_table[KEY_COUNT] = {
    [KEY_PROTO] = {NULL, "a protocol", NULL, match_judge_proto, match_tell_proto},
    [KEY_PORT] = {"port", "a port", KEY(port)},
    [KEY_BIND] = {"bind", "an address", KEY(bind)},
    [KEY_SCOPE] = {"scope", "a scope", KEY(scope)},
    [KEY_INTERFACE] = {"interface", "an interface", KEY(interface)},
    [KEY_USER] = {"user", "a user", KEY(user)},
    [KEY_GROUP] = {"group", "a group", KEY(group)},
    [KEY_UNIT] = {"unit", "a unit", KEY(unit)},
    [KEY_USER_UNIT] = {"user-unit", "a unit", item_parse_unit, match_judge_user_unit,
                       match_tell_user_unit},
    [KEY_CONTAINER] = {"container", "a container", KEY(container)},
    [KEY_NETNS] = {"netns", "a network namespace", KEY(netns)},
    [KEY_ORIGIN] = {"origin", "an origin", KEY(origin)},
    [KEY_TARGET] = {"target", "a target", KEY(target)},
    [KEY_AGE] = {"age", "an age", KEY(age)},
    [KEY_EPHEMERAL] = {"ephemeral", "an answer", KEY(ephemeral)},
    [KEY_TOOL] = {"tool", "a tool", KEY(tool)},
    [KEY_EXE] = {"exe", "a program", KEY(exe)},
};

KeyId key_find(const char *name) {
    for (KeyId key = 0; key < KEY_COUNT; key++)
        if (key_table[key].name && strcmp(key_table[key].name, name) == 0)
            return key;
    return KEY_COUNT;
}

size_t key_names(const char *names[static KEY_COUNT]) {
    size_t count = 0;
    for (KeyId key = 0; key < KEY_COUNT; key++)
        if (key_table[key].name)
            names[count++] = key_table[key].name;
    return count;
}

Shown show(const char *text) {
    /* What is kept of a longer text: room for the quotes, the dots and the NUL. */
    enum { KEPT = sizeof(Shown) - 8 };
    Shown shown = {"`"};
    _cleanup_free_ char *escaped = text_escape_string(text);
    size_t length = escaped ? strlen(escaped) : 0;
    bool cut = length > KEPT;

    if (cut)
        for (length = KEPT; length > 0 && ((unsigned char)escaped[length] & 0xc0) == 0x80;)
            length--;
    if (length > 0)
        memcpy(shown.text + 1, escaped, length);
    strncpy(shown.text + 1 + length, cut ? "…`" : "`", sizeof(shown.text) - length - 2);
    return shown;
}
