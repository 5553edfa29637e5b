/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * id.c: see id.h. Chance comes from the kernel, so that ids of several workers do not meet.
 */
#include "proxy/id.h"

#include <sys/random.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct slice id_make(struct arena *arena, int64_t microseconds)
{
    char text[ID_LENGTH];
    uint64_t time = (uint64_t)microseconds;
    for (size_t i = ID_TIME_LENGTH; i > 0; i--, time >>= 5)
        text[i - 1] = digits[time & 31];
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        bug("getrandom");
    for (size_t i = ID_TIME_LENGTH; i < ID_LENGTH; i++, chance >>= 5)
        text[i] = digits[chance & 31];
    return arena_copy(arena, slice_of(text, sizeof text));
}

bool id_time(struct slice id, int64_t *microseconds_out)
{
    uint64_t time = 0;
    if (id.length != ID_LENGTH)
        return false;
    for (size_t i = 0; i < ID_LENGTH; i++) {
        char c = id.text[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - ('a' - 'A'));
        const char *digit = c == '\0' ? NULL : strchr(digits, c);
        if (digit == NULL)
            return false;
        if (i < ID_TIME_LENGTH)
            time = time << 5 | (uint64_t)(digit - digits);
    }
    *microseconds_out = (int64_t)(time & INT64_MAX);
    return true;
}
