/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolver_unbound.h: questions to the DNS by libunbound in the event loop, for resolver.c alone. One context a
 * worker, owned by its resolver; it keeps the caches. An answer may come from inside the asking call (cache,
 * local data), and a question once asked cannot be taken back: who asked bears both.
 */
#ifndef MXWARD_PROXY_RESOLVER_UNBOUND_H
#define MXWARD_PROXY_RESOLVER_UNBOUND_H

#include "proxy/resolver.h"

struct resolver_unbound;

/* `settings->mode` is any but RESOLVER_FIXTURE. NULL on failure; *problem_out says what. */
struct resolver_unbound *resolver_unbound_new(struct event_base *base, const struct resolver_settings *settings,
                                              struct arena *arena, struct slice *problem_out);
/* Questions not yet answered may be called back for from inside, as failed. */
void resolver_unbound_free(struct resolver_unbound **unbound);

/*
 * What came: a packet as dns_packet.h reads it, or an absent one and why not. Both are borrowed until the return.
 */
typedef void (*resolver_unbound_done)(void *context, struct slice packet, struct slice reason);

/* `name` is canonical. false: not asked, no call will come. */
bool resolver_unbound_ask(struct resolver_unbound *unbound, enum question_type type, const char *name,
                          resolver_unbound_done done, void *context);

/*
 * libunbound's notation of a forwarder, ADDRESS or ADDRESS@PORT, from "192.0.2.53", "192.0.2.53:53", "2001:db8::53",
 * "[2001:db8::53]:53" and each with "@53"; absent when it is none of these.
 */
struct slice resolver_unbound_forwarder(struct slice text, struct arena *arena);

#endif
