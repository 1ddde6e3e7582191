/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of the language: how the items of each are read, judged and told. */
#pragma once

#include "policy/names.h"
#include "policy/ruleset.h"

/* Reads items. On failure `message` says what is wrong, unless memory ran out. */
typedef struct ItemReader {
    Policy *policy;
    Names *names;
    char *message; /* owned */
    bool out_of_memory;
} ItemReader;

/*
 * What is known of a match. What is not known never helps to allow: a `not` in front of it holds
 * for `flag`, and does not for `allow` and `ignore`.
 */
typedef enum Answer {
    ANSWER_NO,
    ANSWER_YES,
    ANSWER_UNKNOWN,
    ANSWER_NEVER, /* the key does not apply: neither it nor its `not` holds */
} Answer;

/* The tool of a listener, determined for the first rule that needs it. */
typedef struct Recognition {
    bool done;
    const char *tool; /* NULL: not recognised */
} Recognition;

/* One listener that is looked at. */
typedef struct Case {
    const Policy *policy;
    const JudgeContext *context;
    const Listener *listener;
    Recognition *recognition;
} Case;

typedef struct Key {
    const char *name;
    const char *item; /* what one item is, with its article */
    bool (*parse)(ItemReader *reader, const char *text, Item *ret);
    Answer (*judge)(const Case *judged, const Match *match);
    /* What the listener has instead, as a sentence part in a new string; NULL: out of memory. */
    char *(*tell)(const Case *judged, const Match *match);
} Key;

extern const Key key_table[KEY_COUNT];

/* Returns the key of that name (not PROTO's), or KEY_COUNT. */
KeyId key_find(const char *name);

/* The names of all keys but PROTO's, into names[KEY_COUNT]; returns how many. */
size_t key_names(const char *names[static KEY_COUNT]);

/* Text of a file, quoted in backticks, escaped and shortened for a message. */
typedef struct Shown {
    char text[160];
} Shown;
Shown show(const char *text);

/* The functions of each key: parse an item (parse_item.c), evaluate a match (match.c, match_exe.c),
 * and explain it (tell.c). */
#define KEY_FUNCTIONS(key)                                                                         \
    bool item_parse_##key(ItemReader *reader, const char *text, Item *ret);                        \
    Answer match_judge_##key(const Case *judged, const Match *match);                              \
    char *match_tell_##key(const Case *judged, const Match *match);
KEY_FUNCTIONS(proto) /* has no items */
KEY_FUNCTIONS(port)
KEY_FUNCTIONS(bind)
KEY_FUNCTIONS(scope)
KEY_FUNCTIONS(interface)
KEY_FUNCTIONS(user)
KEY_FUNCTIONS(group)
KEY_FUNCTIONS(unit)
KEY_FUNCTIONS(user_unit) /* has the items of `unit` */
KEY_FUNCTIONS(container)
KEY_FUNCTIONS(netns)
KEY_FUNCTIONS(origin)
KEY_FUNCTIONS(target)
KEY_FUNCTIONS(age)
KEY_FUNCTIONS(ephemeral)
KEY_FUNCTIONS(tool)
KEY_FUNCTIONS(exe)
