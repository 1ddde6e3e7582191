/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The advice for a listener: the first section that matches and can be filled in. */
#include <string.h>

#include "policy/advice/advice_match.h"

int advice_find_section(const AdviceTable *table, const Listener *listener, const char **ret_name,
                        char **ret) {
    AdviceCase tried;

    if (ret_name)
        *ret_name = NULL;
    *ret = NULL;
    advice_case_init(&tried, listener);
    for (size_t i = 0; table && i < table->n_sections; i++) {
        const AdviceSection *section = &table->sections[i];
        const AdviceProcess *process;
        if (!advice_section_matches(section, &tried, &process))
            continue;
        int r = advice_fill(section, &tried, process, ret);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        if (ret_name)
            *ret_name = section->name;
        return 0;
    }
    return 0;
}

int advice_find(const AdviceTable *table, const Listener *listener, char **ret) {
    return advice_find_section(table, listener, NULL, ret);
}

size_t advice_n_sections(const AdviceTable *table) {
    return table->n_sections;
}

bool advice_has_section(const AdviceTable *table, const char *name) {
    for (size_t i = 0; i < table->n_sections; i++)
        if (strcmp(table->sections[i].name, name) == 0)
            return true;
    return false;
}

const char *advice_recognise(const AdviceTable *table, const Listener *listener) {
    AdviceCase tried;

    if (!table || !listener->owner || listener->owner->n_holders == 0)
        return NULL;
    advice_case_init(&tried, listener);
    for (size_t i = 0; i < table->n_sections; i++) {
        const AdviceSection *section = &table->sections[i];
        const AdviceProcess *process;
        if (advice_section_matches(section, &tried, &process) &&
            advice_section_recognises(section, process))
            return section->name;
    }
    return NULL;
}
