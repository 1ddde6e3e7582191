/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/idmap.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/memory.h"

Test(idmap, empty_map_holds_nothing) {
    IdMap map = {};
    cr_assert_null(idmap_find(&map, 0));
    idmap_clear(&map);
    cr_assert_null(idmap_find(&map, 1));
    idmap_done(&map);
    idmap_done(&map);
}

Test(idmap, the_first_value_stays) {
    IdMap map = {};
    uint32_t *value = NULL;
    cr_assert_eq(idmap_add(&map, 7, 1, &value), 1);
    cr_assert_eq(*value, 1);
    cr_assert_eq(idmap_add(&map, 7, 2, &value), 0);
    cr_assert_eq(*value, 1);
    *value = 3;
    cr_assert_eq(*idmap_find(&map, 7), 3);
    cr_assert_eq(idmap_add(&map, 7, 4, NULL), 0);
    cr_assert_eq(map.n_used, 1);
    idmap_done(&map);
}

Test(idmap, every_64_bit_id_is_an_id) {
    static const uint64_t ids[] = {0, 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    IdMap map = {};
    for (uint32_t i = 0; i < ELEMENTS(ids); i++)
        cr_assert_eq(idmap_add(&map, ids[i], i, NULL), 1);
    for (uint32_t i = 0; i < ELEMENTS(ids); i++)
        cr_assert_eq(*idmap_find(&map, ids[i]), i);
    idmap_done(&map);
}

Test(idmap, an_id_that_is_there_moves_nothing) {
    IdMap map = {};
    uint32_t *first = NULL;
    cr_assert_eq(idmap_add(&map, 0, 0, &first), 1);
    while ((map.n_used + 1) * 2 <= map.n_slots)
        cr_assert_eq(idmap_add(&map, map.n_used, 0, NULL), 1);
    first = idmap_find(&map, 0);
    cr_assert_eq(idmap_add(&map, 0, 9, NULL), 0);
    cr_assert_eq(idmap_find(&map, 0), first, "the map grew for an id that it holds");
    idmap_done(&map);
}

/* Against an array, for so many ids that the map grows, and clears in between. */
Test(idmap, agrees_with_an_array) {
    enum { IDS = 5000 };
    static uint32_t model[IDS]; /* value + 1, or 0 */
    IdMap map = {};

    srand(20261121);
    for (uint32_t round = 0; round < 200000; round++) {
        uint32_t index = (uint32_t)rand() % IDS;
        /* Ids of which only the high or only the low bits differ, as cookies' do. */
        uint64_t id = index % 2 ? (uint64_t)index << 40 : index;
        if (rand() % 20000 == 0) {
            idmap_clear(&map);
            memset(model, 0, sizeof(model));
        }
        const uint32_t *found = idmap_find(&map, id);
        cr_assert_eq(found ? *found + 1 : 0, model[index]);
        if (rand() % 2) {
            cr_assert_eq(idmap_add(&map, id, round, NULL), model[index] == 0);
            if (model[index] == 0)
                model[index] = round + 1;
        }
    }
    idmap_done(&map);
}

Test(idmap, clearing_keeps_the_memory) {
    IdMap map = {};
    for (uint64_t id = 0; id < 1000; id++)
        idmap_add(&map, id, 0, NULL);
    const void *slots = map.slots;
    for (unsigned round = 0; round < 10; round++) {
        idmap_clear(&map);
        cr_assert_null(idmap_find(&map, 1));
        for (uint64_t id = 0; id < 1000; id++)
            cr_assert_eq(idmap_add(&map, id, 0, NULL), 1);
    }
    cr_assert_eq(map.slots, slots);
    idmap_done(&map);
}

/* After 2^32 clears the generations start anew: what one of 2^32 ago left must not be found. */
Test(idmap, generations_wrap_around) {
    IdMap map = {};
    idmap_add(&map, 1, 11, NULL);
    cr_assert_eq(map.generation, 1);
    map.generation = UINT32_MAX;
    idmap_add(&map, 2, 22, NULL);
    idmap_clear(&map);
    cr_assert_null(idmap_find(&map, 0));
    cr_assert_null(idmap_find(&map, 1));
    cr_assert_null(idmap_find(&map, 2));
    cr_assert_eq(idmap_add(&map, 1, 12, NULL), 1);
    cr_assert_eq(*idmap_find(&map, 1), 12);
    idmap_done(&map);
}

static uint64_t seed_of_a_map(void) {
    IdMap map = {};
    idmap_add(&map, 1, 1, NULL);
    uint64_t seed = map.seed;
    idmap_done(&map);
    return seed;
}

/* Each test is a process of its own: none has made a map yet. */
Test(idmap, each_process_has_its_own_seed) {
    uint64_t others;
    int pipes[2];

    cr_assert_eq(pipe(pipes), 0);
    if (fork() == 0) {
        others = seed_of_a_map();
        _exit(write(pipes[1], &others, sizeof(others)) != sizeof(others));
    }
    cr_assert_eq(read(pipes[0], &others, sizeof(others)), (ssize_t)sizeof(others));
    cr_assert_neq(seed_of_a_map(), others);
    cr_assert_eq(seed_of_a_map(), seed_of_a_map());
}
