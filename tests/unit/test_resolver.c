/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_resolver.c: the resolver over a fixture zone, and over libunbound forwarding to a small DNS server that runs in
 * the same event loop: what it answers is decided by the first label asked for. Deadlines, cancelling, and questions
 * asked only once.
 */
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <check.h>
#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/resolver.h"
#include "proxy/resolver_unbound.h"

static struct arena *arena;
static struct event_base *base;
static struct answers *answers;
static struct resolver *resolver;
static int told;                           /* times that `done` was called */

/* --- the server: one UDP and one TCP socket of the same port */

struct pending {
    struct event *timer;
    struct sockaddr_in to;
    size_t length;
    unsigned char packet[512];
};

static int udp_socket = -1, tcp_socket = -1;
static struct event *udp_event, *tcp_event;
static char forwarder[32];
static unsigned queries;                   /* that came to the server */
static unsigned server_delay;              /* milliseconds before each UDP answer */

/* The answer section for a query with the first label `label`, in place. Returns the new length. */
static size_t server_answer(unsigned char *packet, size_t length, bool tcp)
{
    static const unsigned char address[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 7 };
    static const unsigned char pointer[] = { 0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 0, 0, 7, 4, 'm', 'a', 'i', 'l', 0xc0, 12 };
    struct slice label = slice_of((const char *)packet + 13, packet[12]);
    size_t question = 12;

    while (packet[question] != 0)
        question += 1U + packet[question];
    question += 5;
    ck_assert_uint_le(question, length);
    packet[2] = 0x81;
    packet[3] = 0x80;
    memset(packet + 6, 0, 6);
    if (slice_equal_nocase(label, SLICE("servfail")))
        packet[3] |= 2;
    else if (slice_equal_nocase(label, SLICE("refused")))
        packet[3] |= 5;
    else if (slice_equal_nocase(label, SLICE("nothing")))
        packet[3] |= 3;
    else if (slice_equal_nocase(label, SLICE("empty")))
        return question;
    else if (slice_equal_nocase(label, SLICE("truncated")) && !tcp)
        packet[2] |= 2;
    else if (packet[question - 3] == QUESTION_PTR) {
        packet[7] = 1;
        memcpy(packet + question, pointer, sizeof(pointer));
        return question + sizeof(pointer);
    } else {
        packet[7] = 1;
        memcpy(packet + question, address, sizeof(address));
        return question + sizeof(address);
    }
    return question;
}

static void server_send(evutil_socket_t descriptor, short what, void *context)
{
    struct pending *pending = context;

    (void)descriptor, (void)what;
    (void)sendto(udp_socket, pending->packet, pending->length, 0, (struct sockaddr *)&pending->to, sizeof(pending->to));
    event_free(pending->timer);
    free(pending);
}

static void server_udp(evutil_socket_t descriptor, short what, void *context)
{
    struct timeval delay = { server_delay / 1000, (suseconds_t)(server_delay % 1000) * 1000 };
    struct pending *pending = memory_zeroed(1, sizeof(*pending));
    socklen_t size = sizeof(pending->to);
    ssize_t got = recvfrom(descriptor, pending->packet, sizeof(pending->packet) - 64, 0,
                           (struct sockaddr *)&pending->to, &size);

    (void)what, (void)context;
    queries++;
    if (got < 17 || memcmp(pending->packet + 12, "\6silent", 7) == 0) {
        free(pending);
        return;
    }
    pending->length = server_answer(pending->packet, (size_t)got, false);
    pending->timer = evtimer_new(base, server_send, pending);
    evtimer_add(pending->timer, &delay);
}

/* One query a connection, read and answered at once: the client sent it with the connection. */
static void server_tcp(evutil_socket_t descriptor, short what, void *context)
{
    unsigned char packet[512];
    int connection = accept(descriptor, NULL, NULL);
    ssize_t got = read(connection, packet, sizeof(packet) - 64);
    size_t length;

    (void)what, (void)context;
    ck_assert_int_ge(got, 19);
    length = server_answer(packet + 2, (size_t)got - 2, true);
    packet[0] = (unsigned char)(length >> 8);
    packet[1] = (unsigned char)length;
    ck_assert_int_eq(write(connection, packet, length + 2), (ssize_t)length + 2);
    close(connection);
}

/* A port that is free for both: one that TCP was given may be taken for UDP by a test that runs beside this one. */
static struct sockaddr_in bind_both(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    for (int tries = 0; tries < 50; tries++) {
        address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        udp_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        tcp_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(tcp_socket, (struct sockaddr *)&address, size), 0);
        ck_assert_int_eq(getsockname(tcp_socket, (struct sockaddr *)&address, &size), 0);
        if (bind(udp_socket, (struct sockaddr *)&address, size) == 0)
            return address;
        close(udp_socket);
        close(tcp_socket);
    }
    ck_abort_msg("no port is free for TCP and UDP");
    return address;
}

static void server_start(void)
{
    struct sockaddr_in address = bind_both();
    int room = 4 << 20;

    (void)setsockopt(udp_socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    ck_assert_int_eq(listen(tcp_socket, 5), 0);
    udp_event = event_new(base, udp_socket, EV_READ | EV_PERSIST, server_udp, NULL);
    tcp_event = event_new(base, tcp_socket, EV_READ | EV_PERSIST, server_tcp, NULL);
    event_add(udp_event, NULL);
    event_add(tcp_event, NULL);
    snprintf(forwarder, sizeof(forwarder), "127.0.0.1@%u", ntohs(address.sin_port));
}

static void server_stop(void)
{
    if (udp_socket < 0)
        return;
    event_free(udp_event);
    event_free(tcp_event);
    close(udp_socket);
    close(tcp_socket);
    udp_socket = tcp_socket = -1;
}

/* --- */

static void setup(void)
{
    arena = arena_new();
    base = event_base_new();
    answers = answers_new(arena);
    told = 0;
    queries = 0;
    server_delay = 0;
}

static void teardown(void)
{
    resolver_free(&resolver);
    server_stop();
    event_base_free(base);
    arena_free(&arena);
}

static struct resolver *start(const struct resolver_settings *settings)
{
    struct slice problem = SLICE_NONE;

    resolver = resolver_new(base, settings, arena, &problem);
    ck_assert_msg(resolver != NULL, "%.*s", SLICE_ARG(problem));
    return resolver;
}

static void start_fixture(const char *zone)
{
    char path[] = "/tmp/mxward-zone-XXXXXX";
    int descriptor = mkstemp(path);

    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, zone, strlen(zone)), (ssize_t)strlen(zone));
    close(descriptor);
    start(&(struct resolver_settings){ .mode = RESOLVER_FIXTURE, .fixture_path = path });
    unlink(path);
}

static void start_forward(const char *const *zones, bool lan)
{
    static const char *servers[2];

    server_start();
    servers[0] = forwarder;
    start(&(struct resolver_settings){
        .mode = RESOLVER_FORWARD, .forwarders = servers, .unblock_zones = zones, .unblock_lan_zones = lan });
}

static void done(void *context)
{
    (void)context;
    told++;
}

static struct question a(const char *name)
{
    return (struct question){ QUESTION_A, slice_of_string(name) };
}

static struct resolver_request *ask(const struct question *questions, size_t count, unsigned deadline)
{
    int before = told;
    struct resolver_request *request = resolver_ask(resolver, answers, questions, count, deadline, done, NULL);

    ck_assert_int_eq(told, before);        /* never from inside */
    return request;
}

static void run_until_told(int times)
{
    int64_t end = clock_monotonic() + 20000000;

    while (told < times && clock_monotonic() < end)
        event_base_loop(base, EVLOOP_ONCE);
    ck_assert_int_eq(told, times);
}

static void run_for(unsigned milliseconds)
{
    struct timeval interval = { milliseconds / 1000, (suseconds_t)(milliseconds % 1000) * 1000 };

    event_base_loopexit(base, &interval);
    event_base_dispatch(base);
}

static enum answer_status status_of(enum question_type type, const char *name)
{
    const struct answer *answer = answers_find(answers, type, slice_of_string(name));

    return answer == NULL ? ANSWER_MISSING : answer->status;
}

static const char zone[] = "a.example A 192.0.2.1\n"
                           "b.example CNAME a.example\n"
                           "quiet.example TIMEOUT\n"
                           "broken.example SERVFAIL\n"
                           "slow.example DELAY 200ms\n"
                           "             A 192.0.2.2\n";

START_TEST(fixture_answers)
{
    struct question questions[] = { a("a.example"),      a("B.Example."), a("none.example"),
                                    a("broken.example"), a("a.example"),  { QUESTION_MX, SLICE("a.example") } };

    start_fixture(zone);
    ask(questions, 6, 5000);
    run_until_told(1);
    ck_assert_int_eq(status_of(QUESTION_A, "a.example"), ANSWER_RECORDS);
    ck_assert_int_eq(status_of(QUESTION_A, "b.example"), ANSWER_RECORDS);
    ck_assert_int_eq(status_of(QUESTION_A, "none.example"), ANSWER_NO_NAME);
    ck_assert_int_eq(status_of(QUESTION_A, "broken.example"), ANSWER_FAILED);
    ck_assert_int_eq(status_of(QUESTION_MX, "a.example"), ANSWER_NO_DATA);
    ck_assert_uint_eq(resolver_asked(resolver), 6);
    run_for(20);
    ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(nothing_to_ask)
{
    struct question question = a("a..example");

    start_fixture(zone);
    ask(NULL, 0, 5000);
    ask(&question, 1, 5000);
    run_until_told(2);
    ck_assert_uint_eq(answers_count(answers), 0);
}
END_TEST

START_TEST(deadline)
{
    struct question questions[] = { a("quiet.example"), a("slow.example"), a("a.example") };
    int64_t began = clock_monotonic();

    start_fixture(zone);
    ask(questions, 3, 100);
    run_until_told(1);
    ck_assert_int_ge(clock_monotonic() - began, 95000);
    ck_assert_int_le(clock_monotonic() - began, 190000);
    ck_assert_int_eq(status_of(QUESTION_A, "quiet.example"), ANSWER_TIMEOUT);
    ck_assert_int_eq(status_of(QUESTION_A, "slow.example"), ANSWER_TIMEOUT);
    ck_assert_int_eq(status_of(QUESTION_A, "a.example"), ANSWER_RECORDS);
    run_for(300);                          /* the late answer finds nobody, and changes nothing */
    ck_assert_int_eq(told, 1);
    ck_assert_int_eq(status_of(QUESTION_A, "slow.example"), ANSWER_TIMEOUT);
}
END_TEST

/* Joining a question that is on its way takes only the rest of its time. */
START_TEST(join)
{
    struct question question = a("slow.example");
    struct resolver_request *first, *second;
    struct answers *others = answers_new(arena);
    int64_t began = clock_monotonic();

    start_fixture(zone);
    first = ask(&question, 1, 5000);
    run_for(100);
    second = resolver_ask(resolver, others, &question, 1, 5000, done, NULL);
    resolver_cancel(&first);
    ck_assert_ptr_null(first);
    (void)second;
    run_until_told(1);
    ck_assert_int_le(clock_monotonic() - began, 290000);
    ck_assert_uint_eq(answers_count(others), 1);
    ck_assert_uint_eq(answers_count(answers), 0);
}
END_TEST

START_TEST(cancel)
{
    struct question questions[] = { a("a.example"), a("slow.example"), a("quiet.example") };
    struct resolver_request *request;

    start_fixture(zone);
    for (size_t count = 0; count <= 3; count++) {
        request = ask(questions, count, 50);
        resolver_cancel(&request);
        resolver_cancel(&request);
    }
    run_for(300);
    ck_assert_int_eq(told, 0);
    ck_assert_uint_eq(answers_count(answers), 0);
}
END_TEST

static struct resolver_request *other_request;

static void cancel_other(void *context)
{
    (void)context;
    told++;
    resolver_cancel(&other_request);
    (void)resolver_ask(resolver, answers, NULL, 0, 1000, done, NULL);
}

/* `done` cancels one that is finished in the same turn, and asks again. */
START_TEST(cancel_from_done)
{
    struct question question = a("a.example");

    start_fixture(zone);
    (void)resolver_ask(resolver, answers, &question, 1, 1000, cancel_other, NULL);
    other_request = ask(&question, 1, 1000);
    run_until_told(2);
    run_for(20);
    ck_assert_int_eq(told, 2);
}
END_TEST

/* Freed with requests, look-ups and answers in every state. */
START_TEST(free_in_flight)
{
    struct question questions[] = { a("a.example"), a("slow.example"), a("quiet.example") };

    start_fixture(zone);
    ask(questions, 3, 1000);
    ask(questions, 1, 1000);
    ask(NULL, 0, 1000);
}
END_TEST

START_TEST(limit)
{
    struct question *questions = memory_zeroed(RESOLVER_LOOKUPS_MOST + 1, sizeof(*questions));
    char *text = memory_zeroed(RESOLVER_LOOKUPS_MOST + 1, 16), *lines = memory_zeroed(RESOLVER_LOOKUPS_MOST + 1, 24);
    size_t length = 0;
    struct resolver_request *request;

    for (size_t i = 0; i <= RESOLVER_LOOKUPS_MOST; i++) {
        snprintf(text + 16 * i, 16, "q%zu.example", i);
        questions[i] = a(text + 16 * i);
        length += (size_t)snprintf(lines + length, 24, "%s TIMEOUT\n", text + 16 * i);
    }
    start_fixture(lines);
    request = ask(questions, RESOLVER_LOOKUPS_MOST + 1, 60000);
    ck_assert_uint_eq(answers_count(answers), 1);
    ck_assert_int_eq(status_of(QUESTION_A, "q10000.example"), ANSWER_LIMIT);
    resolver_cancel(&request);
    /* The way is free again. */
    answers = answers_new(arena);
    request = ask(&questions[RESOLVER_LOOKUPS_MOST], 1, 60000);
    ck_assert_uint_eq(answers_count(answers), 0);
    resolver_cancel(&request);
    free(questions);
    free(text);
    free(lines);
}
END_TEST

START_TEST(bad_settings)
{
    static const char *const bad_server[] = { "192.0.2.300", NULL };
    static const char *const server[] = { "192.0.2.1", NULL };
    static const char *const bad_zone[] = { "a..b", NULL };
    static const struct {
        struct resolver_settings settings;
        const char *problem;
    } cases[] = {
        { { .mode = RESOLVER_FIXTURE, .fixture_path = "/nonexistent" }, "/nonexistent: No such file or directory" },
        { { .mode = RESOLVER_FORWARD, .forwarders = bad_server }, "resolver: forwarder 192.0.2.300: syntax error" },
        { { .mode = RESOLVER_FORWARD, .forwarders = server, .root_key_path = "/nonexistent" },
          "resolver: root-key \"/nonexistent\": No such file or directory; the package dns-root-data" },
        { { .mode = RESOLVER_RECURSE, .root_hints_path = "/nonexistent" },
          "resolver: root-hints \"/nonexistent\": No such file or directory; the package dns-root-data" },
        { { .mode = RESOLVER_FORWARD, .forwarders = server, .unblock_zones = bad_zone }, "resolver: " },
    };
    struct slice problem = SLICE_NONE;

    ck_assert_ptr_null(resolver_new(base, &cases[_i].settings, arena, &problem));
    ck_assert_msg(problem.text != NULL && strstr(problem.text, cases[_i].problem) != NULL, "%.*s", SLICE_ARG(problem));
}
END_TEST

START_TEST(forward_answers)
{
    struct question questions[] = { a("www.example.org"),       a("servfail.example.org"), a("refused.example.org"),
                                    a("nothing.example.org"),   a("empty.example.org"),    a("truncated.example.org"),
                                    a("a\\.b\\000.example.org") };
    const struct answer *answer;

    start_forward(NULL, false);
    ask(questions, 7, 15000);
    run_until_told(1);
    answer = answers_find(answers, QUESTION_A, SLICE("www.example.org"));
    ck_assert_int_eq(answer->status, ANSWER_RECORDS);
    ck_assert(slice_equal(answer->records[0].data, SLICE("\xc0\0\2\7")));
    ck_assert_int_eq(status_of(QUESTION_A, "servfail.example.org"), ANSWER_FAILED);
    ck_assert_int_eq(status_of(QUESTION_A, "refused.example.org"), ANSWER_FAILED);
    ck_assert_int_eq(status_of(QUESTION_A, "nothing.example.org"), ANSWER_NO_NAME);
    ck_assert_int_eq(status_of(QUESTION_A, "empty.example.org"), ANSWER_NO_DATA);
    ck_assert_int_eq(status_of(QUESTION_A, "truncated.example.org"), ANSWER_RECORDS);     /* asked again by TCP */
    ck_assert_int_eq(status_of(QUESTION_A, "a\\.b\\000.example.org"), ANSWER_RECORDS);
    answer = answers_find(answers, QUESTION_A, SLICE("servfail.example.org"));
    ck_assert(slice_equal(answer->reason, SLICE("SERVFAIL")));
}
END_TEST

START_TEST(forward_deadline)
{
    struct question questions[] = { a("silent.example.org"), a("www.example.org") };
    struct resolver_request *request;

    start_forward(NULL, false);
    ask(questions, 2, 300);
    run_until_told(1);
    ck_assert_int_eq(status_of(QUESTION_A, "silent.example.org"), ANSWER_TIMEOUT);
    ck_assert_int_eq(status_of(QUESTION_A, "www.example.org"), ANSWER_RECORDS);
    request = ask(questions, 1, 5000);
    resolver_cancel(&request);             /* and freed with the question in flight */
}
END_TEST

/* In the cache, libunbound calls back at once; the answer comes on a later turn all the same, without another query. */
START_TEST(forward_cache)
{
    struct question question = a("nothing.example.org");
    unsigned before;

    start_forward(NULL, false);
    ask(&question, 1, 5000);
    run_until_told(1);
    before = queries;
    answers = answers_new(arena);
    ask(&question, 1, 5000);
    ck_assert_uint_eq(answers_count(answers), 0);
    run_until_told(2);
    ck_assert_uint_eq(answers_count(answers), 1);
    ck_assert_uint_le(queries, before + 1);    /* RFC 2308 5: without an SOA it need not be kept */
}
END_TEST

/* Zones that libunbound answers itself unless they are opened (RFC 6303, RFC 6761). */
START_TEST(blocked_zones)
{
    static const char *const open[] = { "example.test", "2.0.192.in-addr.arpa", NULL };
    struct question questions[] = { a("www.example.test"),
                                    a("www.other.test"),
                                    { QUESTION_PTR, SLICE("9.2.0.192.in-addr.arpa") },
                                    { QUESTION_PTR, SLICE("2.0.192.in-addr.arpa") },
                                    { QUESTION_PTR, SLICE("9.0.0.10.in-addr.arpa") } };
    enum answer_status opened = _i == 0 ? ANSWER_NO_NAME : ANSWER_RECORDS;

    start_forward(_i == 1 ? open : NULL, _i == 2);
    ask(questions, 5, 10000);
    run_until_told(1);
    ck_assert_int_eq(status_of(QUESTION_A, "www.example.test"), _i == 1 ? ANSWER_RECORDS : ANSWER_NO_NAME);
    ck_assert_int_eq(status_of(QUESTION_A, "www.other.test"), ANSWER_NO_NAME);
    ck_assert_int_eq(status_of(QUESTION_PTR, "9.2.0.192.in-addr.arpa"), opened);
    ck_assert_int_eq(status_of(QUESTION_PTR, "2.0.192.in-addr.arpa"), _i == 0 ? ANSWER_NO_DATA : ANSWER_RECORDS);
    ck_assert_int_eq(status_of(QUESTION_PTR, "9.0.0.10.in-addr.arpa"), _i == 2 ? ANSWER_RECORDS : ANSWER_NO_NAME);
}
END_TEST

/*
 * A trust anchor for a zone whose server knows no DNSSEC: what it says is bogus (RFC 4035 4.3); beside it nothing is to
 * be validated.
 */
START_TEST(bogus)
{
    static const char anchor[] = "signed.example. IN DS 12345 8 2 "
                                 "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n";
    static const char *servers[2];
    struct question questions[] = { a("www.signed.example"), a("www.other.example") };
    char path[] = "/tmp/mxward-anchor-XXXXXX";
    int descriptor = mkstemp(path);
    const struct answer *answer;

    ck_assert_int_eq(write(descriptor, anchor, strlen(anchor)), (ssize_t)strlen(anchor));
    close(descriptor);
    server_start();
    servers[0] = forwarder;
    start(&(struct resolver_settings){ .mode = RESOLVER_FORWARD, .forwarders = servers, .root_key_path = path });
    unlink(path);
    ask(questions, 2, 15000);
    run_until_told(1);
    answer = answers_find(answers, QUESTION_A, SLICE("www.signed.example"));
    ck_assert_int_eq(answer->status, ANSWER_FAILED);
    ck_assert(slice_starts_with(answer->reason, SLICE(RESOLVER_BOGUS)));
    ck_assert_uint_gt(answer->reason.length, strlen(RESOLVER_BOGUS));
    ck_assert_int_eq(status_of(QUESTION_A, "www.other.example"), ANSWER_RECORDS);
}
END_TEST

/* How forwarders are written. */
START_TEST(forwarders)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        { "192.0.2.53", "192.0.2.53" },
        { "192.0.2.53:5353", "192.0.2.53@5353" },
        { "192.0.2.53@5353", "192.0.2.53@5353" },
        { "2001:db8::53", "2001:db8::53" },
        { "2001:db8::53@5353", "2001:db8::53@5353" },
        { "[2001:db8::53]", "2001:db8::53" },
        { "[2001:db8::53]:5353", "2001:db8::53@5353" },
        { "[2001:db8::53]@5353", "2001:db8::53@5353" },
        { "", NULL },
        { "example.org", NULL },
        { "192.0.2.53:", NULL },
        { "192.0.2.53:0", NULL },
        { "192.0.2.53:65536", NULL },
        { "192.0.2.53:53:53", NULL },
        { "192.0.2.53:53@53", NULL },
        { "192.0.2.53@", NULL },
        { "[192.0.2.53]:53", NULL },
        { "[2001:db8::53", NULL },
        { "[2001:db8::53]x", NULL },
        { "[2001:db8::53]:53@53", NULL },
        { "2001:db8::53]:53", NULL },
        { "::ffff:192.0.2.53", "::ffff:192.0.2.53" },
        { "::ffff:192.0.2.53@53", "::ffff:192.0.2.53@53" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice got = resolver_unbound_forwarder(slice_of_string(cases[i].text), arena);

        ck_assert_msg((got.text == NULL) == (cases[i].expected == NULL), "%s", cases[i].text);
        if (got.text != NULL)
            ck_assert_str_eq(got.text, cases[i].expected);
    }
}
END_TEST

/* 1,000 questions at once, every answer a second late. */
START_TEST(forward_slow)
{
    static char names[1000][32];
    struct question questions[1000];
    int64_t began = clock_monotonic();

    start_forward(NULL, false);
    server_delay = 1000;
    for (int i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof(names[i]), "www.d%d.example", i);
        questions[i] = a(names[i]);
        ask(&questions[i], 1, 20000);
    }
    run_until_told(1000);
    ck_assert_int_le(clock_monotonic() - began, 8000000);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(status_of(QUESTION_A, names[i]), ANSWER_RECORDS);
}
END_TEST

Suite *suite_resolver(void);

Suite *suite_resolver(void)
{
    Suite *suite = suite_create("resolver");
    TCase *fixture = tcase_create("fixture"), *forward = tcase_create("forward");

    tcase_add_checked_fixture(fixture, setup, teardown);
    tcase_add_test(fixture, fixture_answers);
    tcase_add_test(fixture, nothing_to_ask);
    tcase_add_test(fixture, deadline);
    tcase_add_test(fixture, join);
    tcase_add_test(fixture, cancel);
    tcase_add_test(fixture, cancel_from_done);
    tcase_add_test(fixture, free_in_flight);
    tcase_add_test(fixture, limit);
    tcase_add_loop_test(fixture, bad_settings, 0, 5);
    suite_add_tcase(suite, fixture);
    tcase_add_checked_fixture(forward, setup, teardown);
    tcase_set_timeout(forward, 60);
    tcase_add_test(forward, forward_answers);
    tcase_add_test(forward, forward_deadline);
    tcase_add_test(forward, forward_cache);
    tcase_add_loop_test(forward, blocked_zones, 0, 3);
    tcase_add_test(forward, bogus);
    tcase_add_test(forward, forwarders);
    tcase_add_test(forward, forward_slow);
    suite_add_tcase(suite, forward);
    return suite;
}
