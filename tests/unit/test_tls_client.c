/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_tls_client.c: TLS towards servers: what is told of files that cannot be used, and handshakes between two streams
 * in one loop: who is believed, for which name, and what is said of whom is not.
 */
#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/x509v3.h>

#include "proxy/stream.h"
#include "proxy/tls.h"
#include "proxy/tls_client.h"
#include "tests/unit/certificate.h"

static char directory[64];
static struct arena *arena;
static struct event_base *base;

/* For mail.example.org, as `names` has it for subjectAltName; NULL: only by CN. */
static void make(const char *path, const char *key_path, const char *names, long seconds)
{
    struct made_certificate made = make_certificate("EC", "mail.example.org", seconds, NULL);

    if (names != NULL) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

        ck_assert_int_eq(X509_add_ext(made.x509, extension, -1), 1);
        ck_assert_int_gt(X509_sign(made.x509, made.key, EVP_sha256()), 0);
        X509_EXTENSION_free(extension);
    }
    write_certificate(&made, NULL, path, key_path);
    free_certificate(&made);
}

static void set_up(void)
{
    snprintf(directory, sizeof(directory), "%s", "/tmp/mxward-test-tls-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    arena = arena_new();
    base = event_base_new();
    make("server.pem", "server.key", "DNS:mail.example.org", 3600);
    make("late.pem", "late.key", "DNS:mail.example.org", -3600);
    make("cn.pem", "cn.key", NULL, 3600);
}

static void tear_down(void)
{
    static const char *const files[] = { "server.pem", "server.key", "late.pem", "late.key", "cn.pem", "cn.key" };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(directory);
    event_base_free(base);
    arena_free(&arena);
}

/* ---- files */

static const struct file_row {
    struct tls_client_settings settings;
    const char *problem;               /* "": it can be used */
} file_rows[] = {
    { { .verify = true, .name = "mail.example.org" }, "" },
    { { .verify = true, .name = "192.0.2.1" }, "" },
    { { .verify = true, .name = "mail.example.org", .authorities_path = "server.pem" }, "" },
    { { .verify = false, .certificate_path = "server.pem", .key_path = "server.key" }, "" },
    { { .verify = true, .name = "m", .authorities_path = "nowhere" }, "nowhere: no authorities for the backend's "
      "certificate can be read from it: No such file or directory" },
    { { .verify = true, .name = "m", .authorities_path = "server.key" }, "server.key: no authorities for the backend's "
      "certificate can be read from it: " },
    { { .certificate_path = "nowhere", .key_path = "server.key" }, "nowhere: the certificate cannot be read: " },
    { { .certificate_path = "server.pem", .key_path = "late.key" }, "late.key: the key does not belong to the "
      "certificate server.pem" },
    { { .certificate_path = "late.pem", .key_path = "late.key" }, "late.pem: the certificate has expired" },
};

START_TEST(test_files)
{
    const struct file_row *row = &file_rows[_i];
    struct slice problem;
    struct tls_client *client = tls_client_new(&row->settings, arena, &problem);
    bool warned = strstr(row->problem, "expired") != NULL;

    ck_assert_msg(slice_starts_with(problem, slice_of_string(row->problem)), "%.*s", SLICE_ARG(problem));
    ck_assert((client != NULL) == (row->problem[0] == '\0' || warned));
    ck_assert(problem.length > 0 || row->problem[0] == '\0');
    tls_client_release(&client);
    tls_client_release(&client);
}
END_TEST

/* ---- handshakes */

struct pair {
    struct stream *server;
    struct stream *client;
    size_t notices;
};

static void on_notice(void *context)
{
    ((struct pair *)context)->notices++;
}

static void turn_until(bool (*is_over)(const struct pair *pair), const struct pair *pair)
{
    for (int turns = 0; turns < 2000 && !is_over(pair); turns++)
        event_base_loop(base, EVLOOP_ONCE);
    ck_assert(is_over(pair));
}

static bool has_shaken_hands(const struct pair *pair)
{
    return stream_state(pair->client) != STREAM_HANDSHAKE;
}

static bool has_come_through(const struct pair *pair)
{
    return stream_input_length(pair->server) >= 5;
}

static void pair_begin(struct pair *pair, struct tls_context *server, struct tls_client *client)
{
    int sockets[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    *pair = (struct pair){ stream_accept(base, sockets[0], on_notice, pair),
                           stream_accept(base, sockets[1], on_notice, pair), 0 };
    ck_assert(stream_start_tls_server(pair->server, server, NULL, STREAM_INPUT_IS_CLEAR, NULL));
    ck_assert(stream_start_tls_client(pair->client, client));
    ck_assert(!stream_start_tls_client(pair->client, client));
    turn_until(has_shaken_hands, pair);
}

static void pair_end(struct pair *pair)
{
    stream_free(&pair->server);
    stream_free(&pair->client);
}

static struct tls_context *serve(const char *path, const char *key_path)
{
    struct tls_certificate paths = { path, key_path };
    struct slice problem;
    struct tls_context *server = tls_context_new(&paths, 1, arena, &problem);

    ck_assert_msg(server != NULL, "%.*s", SLICE_ARG(problem));
    return server;
}

static const struct handshake_row {
    const char *certificate;
    const char *key;
    struct tls_client_settings settings;
    const char *problem;
} handshake_rows[] = {
    { "server.pem", "server.key", { .verify = true, .name = "mail.example.org", .authorities_path = "server.pem" },
      "" },
    { "server.pem", "server.key", { .verify = false }, "" },
    { "late.pem", "late.key", { .verify = false }, "" },
    { "server.pem", "server.key", { .verify = true, .name = "mail.example.net", .authorities_path = "server.pem" },
      "TLS handshake: its certificate is not believed: hostname mismatch" },
    { "server.pem", "server.key", { .verify = true, .name = "192.0.2.1", .authorities_path = "server.pem" },
      "TLS handshake: its certificate is not believed: IP address mismatch" },
    { "server.pem", "server.key", { .verify = true, .name = "mail.example.org", .authorities_path = "late.pem" },
      "TLS handshake: its certificate is not believed: self-signed certificate" },
    { "cn.pem", "cn.key", { .verify = true, .name = "mail.example.org", .authorities_path = "cn.pem" },
      "TLS handshake: its certificate is not believed: hostname mismatch" },
    { "late.pem", "late.key", { .verify = true, .name = "mail.example.org", .authorities_path = "late.pem" },
      "TLS handshake: its certificate is not believed: certificate has expired" },
};

START_TEST(test_handshake)
{
    const struct handshake_row *row = &handshake_rows[_i];
    struct tls_context *server = serve(row->certificate, row->key);
    struct slice problem;
    struct tls_client *client = tls_client_new(&row->settings, arena, &problem);
    struct pair pair;

    ck_assert_ptr_nonnull(client);
    pair_begin(&pair, server, client);
    ck_assert_str_eq(stream_problem(pair.client), row->problem);
    ck_assert_int_eq(stream_state(pair.client), row->problem[0] == '\0' ? STREAM_OPEN : STREAM_BROKEN);
    if (row->problem[0] == '\0') {
        stream_write(pair.client, SLICE("hello"));
        turn_until(has_come_through, &pair);
        ck_assert(slice_equal(stream_peek(pair.server, 10), SLICE("hello")));
    }
    /* The session outlives what it was made of. */
    tls_client_release(&client);
    pair_end(&pair);
    tls_context_release(&server);
}
END_TEST

/* What was written before goes out in the clear, and what came before is no word of the server's. */
START_TEST(test_clear_before)
{
    struct tls_client_settings settings = { .verify = false };
    struct tls_context *server = serve("server.pem", "server.key");
    struct slice problem;
    struct tls_client *client = tls_client_new(&settings, arena, &problem);
    struct pair pair;
    int sockets[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
    pair = (struct pair){ stream_accept(base, sockets[0], on_notice, &pair),
                          stream_accept(base, sockets[1], on_notice, &pair), 0 };
    stream_write(pair.client, SLICE("PROXY"));
    ck_assert(stream_start_tls_client(pair.client, client));
    turn_until(has_come_through, &pair);
    ck_assert(slice_starts_with(stream_peek(pair.server, 10), SLICE("PROXY")));
    stream_consume(pair.server, 5);
    ck_assert(stream_start_tls_server(pair.server, server, NULL, STREAM_INPUT_IS_TLS, NULL));
    turn_until(has_shaken_hands, &pair);
    ck_assert_int_eq(stream_state(pair.client), STREAM_OPEN);
    ck_assert(stream_is_tls(pair.client));
    pair_end(&pair);
    tls_client_release(&client);
    tls_context_release(&server);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

Suite *suite_tls_client(void);

Suite *suite_tls_client(void)
{
    Suite *suite = suite_create("tls_client");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, test_files, 0, ROWS(file_rows));
    tcase_add_loop_test(all, test_handshake, 0, ROWS(handshake_rows));
    tcase_add_test(all, test_clear_before);
    suite_add_tcase(suite, all);
    return suite;
}
