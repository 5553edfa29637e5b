/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend_choice.c: which of several backends is asked, and what may be promised to clients before that is known.
 * What is promised is what all of them offer that were ever found fit, down ones included: such a one may be up again
 * before the client's first recipient.
 */
#include "proxy/backend_private.h"

#include <stdlib.h>

static bool is_tried(unsigned tried, size_t index)
{
    return (tried & (1u << index)) != 0;
}

static int find_up(const struct backend_choice *choice, unsigned tried, bool with_room)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct backend_pool *pool = choice->pools[i];

        if (!is_tried(tried, i) && backend_pool_health(pool) == BACKEND_UP && (!with_room || pool_can_serve(pool)))
            return (int)i;
    }
    return -1;
}

int backend_choice_find(const struct backend_choice *choice, unsigned tried)
{
    int found = find_up(choice, tried, true);

    if (found < 0)
        found = find_up(choice, tried, false);
    for (size_t i = 0; found < 0 && i < choice->count; i++)
        if (!is_tried(tried, i) && choice->pools[i]->has_offer)
            found = (int)i;
    return found;
}

/* 0 says nothing. */
static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void keep_common(struct backend_offer *all, const struct backend_offer *offer)
{
    all->extensions &= offer->extensions;
    if (all->size == 0 || (offer->size != 0 && offer->size < all->size))
        all->size = offer->size;
    all->limits.mail_most = smaller(all->limits.mail_most, offer->limits.mail_most);
    all->limits.recipients_most = smaller(all->limits.recipients_most, offer->limits.recipients_most);
    all->limits.domains_most = smaller(all->limits.domains_most, offer->limits.domains_most);
    backend_mechanisms_keep(all->mechanisms, offer->mechanisms);
    if (all->mechanisms[0] == '\0')
        all->extensions &= ~(unsigned)BACKEND_AUTH;
}

bool backend_choice_offer(const struct backend_choice *choice, struct backend_offer *offer_out)
{
    struct backend_offer all = { 0 };
    bool known = false;

    for (size_t i = 0; i < choice->count; i++) {
        struct backend_offer offer;

        if (!backend_pool_offer(choice->pools[i], &offer))
            continue;
        if (known)
            keep_common(&all, &offer);
        else
            all = offer;
        known = true;
    }
    if (known)
        *offer_out = all;
    return known;
}

bool backend_choice_is_known(const struct backend_choice *choice)
{
    for (size_t i = 0; i < choice->count; i++)
        if (backend_pool_health(choice->pools[i]) == BACKEND_UNKNOWN)
            return false;
    return true;
}

bool backend_choice_has(const struct backend_choice *choice, const struct backend_pool *pool)
{
    for (size_t i = 0; i < choice->count; i++)
        if (choice->pools[i] == pool)
            return true;
    return false;
}
