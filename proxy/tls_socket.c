/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_socket.c: what TLS sessions, servers' and clients', read from and write to: a non-blocking socket that is the
 * stream's, before it what was read from that socket already. Unlike OpenSSL's own, writing to a closed connection
 * raises no SIGPIPE. Fails only without memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/tls_openssl.h"
#include "rules/arena.h"

/* What a BIO reads from: first what was read from the socket before, then the socket. */
struct source {
    int descriptor;
    size_t early_length;
    size_t early_used;
    char early[];
};

static struct source *source_new(int descriptor, struct slice early)
{
    struct source *source = memory_zeroed(1, sizeof(*source) + early.length);

    source->descriptor = descriptor;
    source->early_length = early.length;
    if (early.length > 0)
        memcpy(source->early, early.text, early.length);
    return source;
}

static int source_free(BIO *bio)
{
    free(BIO_get_data(bio));
    BIO_set_data(bio, NULL);
    return 1;
}

static size_t take_early(struct source *source, char *bytes, size_t room)
{
    size_t left = source->early_length - source->early_used;
    size_t count = left < room ? left : room;

    memcpy(bytes, source->early + source->early_used, count);
    source->early_used += count;
    return count;
}

static bool is_for_later(int problem)
{
    return problem == EAGAIN || problem == EWOULDBLOCK || problem == EINTR;
}

static int socket_read(BIO *bio, char *bytes, size_t room, size_t *count_out)
{
    struct source *source = BIO_get_data(bio);
    ssize_t count;

    BIO_clear_retry_flags(bio);
    BIO_clear_flags(bio, BIO_FLAGS_IN_EOF);
    *count_out = take_early(source, bytes, room);
    if (*count_out > 0)
        return 1;
    count = recv(source->descriptor, bytes, room, 0);
    *count_out = count < 0 ? 0 : (size_t)count;
    if (count < 0 && is_for_later(errno))
        BIO_set_retry_read(bio);
    if (count == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return count > 0;
}

static int socket_write(BIO *bio, const char *bytes, size_t length, size_t *count_out)
{
    const struct source *source = BIO_get_data(bio);
    ssize_t count = send(source->descriptor, bytes, length, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    *count_out = count < 0 ? 0 : (size_t)count;
    if (count < 0 && is_for_later(errno))
        BIO_set_retry_write(bio);
    return count > 0;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF:   return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:             return 0;
    }
}

/* One for the process, made once: sessions outlive their context. */
static const BIO_METHOD *socket_method(void)
{
    static BIO_METHOD *method;

    if (method != NULL)
        return method;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket");
    if (method == NULL)
        bug("out of memory");
    BIO_meth_set_read_ex(method, socket_read);
    BIO_meth_set_write_ex(method, socket_write);
    BIO_meth_set_ctrl(method, socket_control);
    BIO_meth_set_destroy(method, source_free);
    return method;
}

void tls_socket_give(SSL *session, int descriptor, struct slice early)
{
    BIO *bio = BIO_new(socket_method());

    if (bio == NULL)
        bug("out of memory");
    BIO_set_data(bio, source_new(descriptor, early));
    BIO_set_init(bio, 1);
    SSL_set_bio(session, bio, bio);
}
