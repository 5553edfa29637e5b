/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * generation.h: one load of configuration, rules, lists and certificates as a worker holds it. Counted: a
 * client session's transaction keeps the one it began with, the next MAIL takes the newest, at most three live
 *. The master sends the configuration's text and the rules' image as sealed memory files.
 */
#ifndef MXWARD_PROXY_GENERATION_H
#define MXWARD_PROXY_GENERATION_H

#include "policy/stage.h"
#include "proxy/config.h"
#include "proxy/judges.h"

struct resolver;

struct generation {
    struct generation *older;          /* of those that live in this process */
    unsigned references;
    unsigned number;
    struct arena *arena;               /* owns config and program */
    const struct config *config;
    const struct program *program;     /* to know which stages have rules and which fields they add; never run here */
    struct judge_image *image;
    struct tls_context *tls;           /* NULL when no listener uses TLS */
    struct tls_authorities **authorities;      /* parallel to config->listeners; NULL: clients are asked for nothing */
    struct tls_client **backend_tls;   /* parallel to config->backends; NULL: that one is reached without TLS */
    struct resolver *resolver;         /* these two: upstream.h */
    struct backend_choice backends;            /* all of them, parallel to config->backends */
    struct backend_choice serving[2];          /* of these, the ones generation_backends() gives */
    unsigned char program_hash[32];    /* SHA-256 of the image */
    char program_digest[65];           /* the same, hex */
    bool has_stage[STAGE_COUNT];       /* any rule runs there */
};

/* More do not live at once: a worker that still holds as many refuses the next. */
#define GENERATIONS_MOST 3

/*
 * Makes one of the two sealed files (taken over; also closed on failure). NULL: *problem_out (in `arena`) says
 * why: a certificate, or a damaged file.
 */
struct generation *generation_new(unsigned number, int config_descriptor, int image_descriptor, struct arena *arena,
                                  struct slice *problem_out);
/* Those of the listener of that name; NULL when it asks clients for no certificate, or there is none such. */
const struct tls_authorities *generation_authorities(const struct generation *generation, struct slice listener);
/* The backends for sessions of submission listeners, or of all others. */
const struct backend_choice *generation_backends(const struct generation *generation, bool submission);
struct generation *generation_keep(struct generation *generation);
void generation_release(struct generation **generation);
/* Those that live in this process. */
unsigned generations_count(void);
/* Any of them uses it. */
bool generations_use_resolver(const struct resolver *resolver);
bool generations_use_backend(const struct backend_pool *pool);

/* The sealed memory file of a configuration, with its path; -1 with errno. */
int generation_seal_config(const struct config *config);
/* The configuration in such a file, in `arena`; the descriptor is the caller's. NULL: *problem_out. */
struct config *generation_open_config(int descriptor, struct arena *arena, struct slice *problem_out);
void generation_hash(struct slice image, unsigned char hash_out[32]);
/* The same as 64 hexadecimal digits and NUL. */
void generation_digest(struct slice image, char digest_out[65]);

#endif
