/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.c: a network's numbers are found by key in the window of each column, and added up. A newcomer is
 * first counted, then the sums are looked at, and if one is too large the count is taken back: of two workers
 * that let in the last session at once both may refuse, but never both welcome. Sessions a minute go by a
 * sliding window: this minute's, and of the one before the part not yet past.
 */
#include "proxy/limits.h"

#include <string.h>

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define POISON_DELAY UINT64_C(10000)
#define POISON_LASTS (60 * MINUTE)
/*
 * First bytes of keys that no client address has: ffff:: is multicast (RFC 4291 2.7), ::1 is all of ::/64 that may
 * be one.
 */
#define KEY_IPV4 UINT64_C(0xFFFFFFFF00000000)
#define KEY_ZERO UINT64_C(0xFFFFFFFE00000000)

static uint64_t key_of(const struct address *client)
{
    struct network network = address_client_network(client);
    uint64_t key = 0;
    size_t length = network.address.family == 4 ? 4 : 8;

    for (size_t i = 0; i < length; i++)
        key = key << 8 | network.address.bytes[i];
    if (network.address.family == 4)
        return KEY_IPV4 | key;
    return key == 0 ? KEY_ZERO : key;
}

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014), over the key and the table's seed. */
static size_t window_of(const struct status *status, uint64_t key)
{
    uint64_t mixed = key + status_seed(status);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (size_t)((mixed ^ (mixed >> 31)) % STATUS_NETWORKS);
}

static struct status_network *slot_at(struct status_network *networks, size_t window, size_t step)
{
    return &networks[(window + step) % STATUS_NETWORKS];
}

static struct status_network *find(struct status_network *networks, size_t window, uint64_t key)
{
    for (size_t step = 0; step < LIMITS_WINDOW; step++) {
        struct status_network *slot = slot_at(networks, window, step);

        if (atomic_load_explicit(&slot->key, memory_order_acquire) == key)
            return slot;
    }
    return NULL;
}

/* Until when a slot without sessions means anything. */
static uint64_t relevant_until(struct status_network *slot)
{
    uint64_t rate = (atomic_load(&slot->minute) + UINT64_C(2)) * MINUTE;
    uint64_t poisoned = atomic_load(&slot->poisoned);
    uint64_t poison = poisoned == 0 ? 0 : poisoned + POISON_LASTS;
    uint64_t failures =
        atomic_load(&slot->auth_failures) == 0 ? 0 : (atomic_load(&slot->auth_hour) + UINT64_C(2)) * HOUR;
    uint64_t latest = rate > poison ? rate : poison;

    if (atomic_load(&slot->key) == 0)
        return 0;
    return latest > failures ? latest : failures;
}

/* The slot of that network in the caller's own column, made if need be; NULL: every slot of its window has sessions. */
static struct status_network *claim(struct status_network *networks, size_t window, uint64_t key)
{
    struct status_network *best = find(networks, window, key);

    if (best != NULL)
        return best;
    for (size_t step = 0; step < LIMITS_WINDOW; step++) {
        struct status_network *slot = slot_at(networks, window, step);

        if (atomic_load(&slot->sessions) == 0 && (best == NULL || relevant_until(slot) < relevant_until(best)))
            best = slot;
    }
    if (best == NULL)
        return NULL;
    atomic_store(&best->key, 0);
    atomic_store(&best->poisoned, 0);
    atomic_store(&best->minute, 0);
    atomic_store(&best->count, 0);
    atomic_store(&best->previous, 0);
    atomic_store(&best->auth_hour, 0);
    atomic_store(&best->auth_failures, 0);
    atomic_store(&best->auth_previous, 0);
    atomic_store_explicit(&best->key, key, memory_order_release);
    return best;
}

/* Columns that may hold networks: those of workers there are, and the caller's. */
static unsigned last_column(struct status *status, unsigned column)
{
    uint64_t workers = atomic_load(&status_about(status)->workers);

    if (workers > STATUS_WORKERS_MOST)
        workers = STATUS_WORKERS_MOST;
    return workers > column ? (unsigned)workers : column;
}

/* The sessions of the last minute, as one slot counted them. */
static uint64_t slot_rate(struct status_network *slot, uint64_t now)
{
    uint64_t minute = now / MINUTE;
    uint64_t counted = atomic_load(&slot->minute);
    uint64_t count = atomic_load(&slot->count);
    uint64_t left = MINUTE - now % MINUTE;

    if (counted == minute)
        return count + atomic_load(&slot->previous) * left / MINUTE;
    return counted + 1 == minute ? count * left / MINUTE : 0;
}

static void note_session(struct status_network *slot, uint64_t now)
{
    uint32_t minute = (uint32_t)(now / MINUTE);
    uint32_t counted = atomic_load(&slot->minute);

    if (counted != minute) {
        atomic_store(&slot->previous, counted + 1 == minute ? atomic_load(&slot->count) : 0);
        atomic_store(&slot->count, 0);
        atomic_store(&slot->minute, minute);
    }
    atomic_fetch_add(&slot->count, 1);
}

static uint64_t sum_entered(struct status *status, unsigned last)
{
    uint64_t sum = 0;

    for (unsigned column = 1; column <= last; column++)
        sum += atomic_load(status_entered(status, column));
    return sum;
}

/* Over all columns: the network's sessions now, and those begun within a minute. */
static void sum_network(struct status *status, unsigned last, uint64_t key, uint64_t now, uint64_t *sessions_out,
                        uint64_t *rate_out)
{
    size_t window = window_of(status, key);

    *sessions_out = 0;
    *rate_out = 0;
    for (unsigned column = 1; column <= last; column++) {
        struct status_network *slot = find(status_networks(status, column), window, key);

        if (slot != NULL) {
            *sessions_out += atomic_load(&slot->sessions);
            *rate_out += slot_rate(slot, now);
        }
    }
}

enum limits_answer limits_enter(struct status *status, unsigned column, const struct limits_settings *settings,
                                const struct address *client, uint64_t now)
{
    uint64_t key = key_of(client);
    unsigned last = last_column(status, column);
    _Atomic uint64_t *entered = status_entered(status, column);
    struct status_network *slot = claim(status_networks(status, column), window_of(status, key), key);
    uint64_t sessions, rate;
    enum limits_answer answer = LIMITS_WELCOME;

    if (slot == NULL)
        return LIMITS_SESSIONS;
    atomic_fetch_add(entered, 1);
    atomic_fetch_add(&slot->sessions, 1);
    sum_network(status, last, key, now, &sessions, &rate);
    if (sum_entered(status, last) > settings->sessions)
        answer = LIMITS_SESSIONS;
    else if (sessions > settings->sessions_per_network)
        answer = LIMITS_NETWORK_SESSIONS;
    else if (settings->session_rate != 0 && rate >= settings->session_rate)
        answer = LIMITS_NETWORK_RATE;
    if (answer == LIMITS_WELCOME) {
        note_session(slot, now);
    } else {
        atomic_fetch_sub(entered, 1);
        atomic_fetch_sub(&slot->sessions, 1);
    }
    return answer;
}

void limits_leave(struct status *status, unsigned column, const struct address *client, uint64_t now)
{
    uint64_t key = key_of(client);
    struct status_network *slot = find(status_networks(status, column), window_of(status, key), key);

    (void)now;
    if (slot == NULL || atomic_load(&slot->sessions) == 0)
        bug("limits_leave: a session that did not enter");
    atomic_fetch_sub(&slot->sessions, 1);
    atomic_fetch_sub(status_entered(status, column), 1);
}

void limits_note_poison(struct status *status, unsigned column, const struct address *client, uint64_t now)
{
    uint64_t key = key_of(client);
    struct status_network *slot = claim(status_networks(status, column), window_of(status, key), key);

    if (slot != NULL)
        atomic_store(&slot->poisoned, now == 0 ? 1 : now);
}

unsigned limits_delay(const struct status *status, const struct address *client, uint64_t now)
{
    struct status *table = (struct status *)(uintptr_t)status;
    uint64_t key = key_of(client);
    size_t window = window_of(status, key);
    uint64_t latest = 0;

    for (unsigned column = 1; column <= last_column(table, 1); column++) {
        struct status_network *slot = find(status_networks(table, column), window, key);
        uint64_t poisoned = slot == NULL ? 0 : atomic_load(&slot->poisoned);

        if (poisoned > latest)
            latest = poisoned;
    }
    if (latest == 0 || now >= latest + POISON_LASTS)
        return 0;
    if (now <= latest)
        return (unsigned)POISON_DELAY;
    return (unsigned)(POISON_DELAY * (latest + POISON_LASTS - now) / POISON_LASTS);
}

/* ---- AUTH */

void limits_note_auth_failure(struct status *status, unsigned column, const struct address *client, uint64_t now)
{
    uint64_t key = key_of(client);
    struct status_network *slot = claim(status_networks(status, column), window_of(status, key), key);
    uint32_t hour = (uint32_t)(now / HOUR);
    uint32_t counted;

    if (slot == NULL)
        return;
    counted = atomic_load(&slot->auth_hour);
    if (counted != hour) {
        atomic_store(&slot->auth_previous, counted + 1 == hour ? atomic_load(&slot->auth_failures) : 0);
        atomic_store(&slot->auth_failures, 0);
        atomic_store(&slot->auth_hour, hour);
    }
    atomic_fetch_add(&slot->auth_failures, 1);
}

static uint64_t slot_auth_failures(struct status_network *slot, uint64_t now)
{
    uint64_t hour = now / HOUR;
    uint64_t counted = atomic_load(&slot->auth_hour);
    uint64_t count = atomic_load(&slot->auth_failures);
    uint64_t left = HOUR - now % HOUR;

    if (counted == hour)
        return count + atomic_load(&slot->auth_previous) * left / HOUR;
    return counted + 1 == hour ? count * left / HOUR : 0;
}

uint64_t limits_auth_failures(struct status *status, unsigned column, const struct address *client, uint64_t now)
{
    uint64_t key = key_of(client);
    size_t window = window_of(status, key);
    uint64_t sum = 0;

    for (unsigned at = 1; at <= last_column(status, column); at++) {
        struct status_network *slot = find(status_networks(status, at), window, key);

        if (slot != NULL)
            sum += slot_auth_failures(slot, now);
    }
    return sum;
}

const char *limits_answer_text(enum limits_answer answer)
{
    switch (answer) {
    case LIMITS_WELCOME:
        return "welcome";
    case LIMITS_SESSIONS:
        return "too many sessions, try again later";
    case LIMITS_NETWORK_SESSIONS:
        return "too many sessions from your network, try again later";
    case LIMITS_NETWORK_RATE:
        return "too many new sessions from your network, try again later";
    }
    bug("limits_answer");
}
