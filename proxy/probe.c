/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c: both ends. The answer is for each backend a digit (enum backend_probe), a text and a NUL, ended by the
 * pipe's end; anything else, or nothing in time, counts as BROKEN for those that are missing. The texts hold words of
 * the backends and are shown through log_event(), which makes them safe.
 */
#include "proxy/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/generation.h"
#include "proxy/log.h"
#include "proxy/process.h"

#define CONFIG_DESCRIPTOR 3
#define ANSWER_DESCRIPTOR 4
/* Of one backend. */
#define TEXT_MOST 1024
#define ANSWER_MOST (BACKENDS_MOST * TEXT_MOST)
/* Connecting, TLS and six commands, each within its own limit, and some; all are asked at once. */
#define PROBE_SECONDS 120

struct probe {
    pid_t process;                     /* 0: gone */
    int descriptor;
    struct event *readable;
    size_t backends;
    probe_heard heard;
    void *context;
    char answer[ANSWER_MOST];
    size_t length;
};

/* One finding of the answer, from `at`; returns where the next begins. */
static size_t read_finding(const struct probe *probe, size_t at, struct probe_finding *finding)
{
    const char *text = probe->answer + at;
    size_t length = strnlen(text, probe->length - at);

    if (at + length >= probe->length || text[0] < '0' || text[0] > '0' + BACKEND_PROBE_TLS)
        return probe->length;
    *finding = (struct probe_finding){ (enum backend_probe)(text[0] - '0'), text + 1 };
    return at + length + 1;
}

static void finish(struct probe *probe, const char *otherwise)
{
    struct probe_finding findings[BACKENDS_MOST];
    size_t at = 0;

    event_del(probe->readable);
    for (size_t i = 0; i < probe->backends; i++) {
        findings[i] = (struct probe_finding){ BACKEND_PROBE_BROKEN, otherwise };
        at = read_finding(probe, at, &findings[i]);
    }
    /* May free the probe. */
    probe->heard(probe->context, findings, probe->backends);
}

static void on_answer(evutil_socket_t descriptor, short events, void *context)
{
    struct probe *probe = context;
    ssize_t got;

    if ((events & EV_TIMEOUT) != 0) {
        finish(probe, "the probe did not end in time");
        return;
    }
    got = read(descriptor, probe->answer + probe->length, ANSWER_MOST - 1 - probe->length);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0) {
        probe->length += (size_t)got;
        if (probe->length < ANSWER_MOST - 1)
            return;
    }
    finish(probe, "the probe died");
}

struct probe *probe_start(struct event_base *base, int binary, int config_descriptor, size_t backends,
                          probe_heard heard, void *context)
{
    struct timeval patience = { .tv_sec = PROBE_SECONDS };
    struct probe *probe;
    int pipes[2];
    pid_t process;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return NULL;
    process = process_start(binary, "probe", PROCESS_DIES_WITH_PARENT, (const int[]){ config_descriptor, pipes[1] }, 2);
    close(pipes[1]);
    if (process < 0) {
        close(pipes[0]);
        return NULL;
    }
    probe = memory_zeroed(1, sizeof(*probe));
    probe->process = process;
    probe->descriptor = pipes[0];
    probe->backends = backends < BACKENDS_MOST ? backends : BACKENDS_MOST;
    probe->heard = heard;
    probe->context = context;
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    probe->readable = event_new(base, pipes[0], EV_READ | EV_PERSIST, on_answer, probe);
    if (probe->readable == NULL || event_add(probe->readable, &patience) != 0)
        bug("probe: no event");
    return probe;
}

void probe_free(struct probe **probe_pointer)
{
    struct probe *probe = *probe_pointer;

    *probe_pointer = NULL;
    if (probe == NULL)
        return;
    process_kill(probe->process);
    event_free(probe->readable);
    close(probe->descriptor);
    free(probe);
}

pid_t probe_process(const struct probe *probe)
{
    return probe->process;
}

void probe_reaped(struct probe *probe)
{
    probe->process = 0;
}

static bool has_result(const struct probe_finding *findings, size_t count, enum backend_probe result)
{
    for (size_t i = 0; i < count; i++)
        if (findings[i].result == result)
            return true;
    return false;
}

bool probe_is_fatal(const struct probe_finding *findings, size_t count)
{
    return has_result(findings, count, BACKEND_PROBE_RELAYS) ||
           (has_result(findings, count, BACKEND_PROBE_NO_XCLIENT) && !has_result(findings, count, BACKEND_PROBE_FIT));
}

const char *probe_advice(enum backend_probe result)
{
    switch (result) {
    case BACKEND_PROBE_FIT:
        return "nothing is to be done";
    case BACKEND_PROBE_DOWN:
        return "start the mail server; until it is there clients are told 421, and their mail waits with them";
    case BACKEND_PROBE_NO_XCLIENT:
        return "in Postfix, for the service in master.cf that mxward passes mail to: "
               "-o smtpd_authorized_xclient_hosts=ADDRESS-OF-MXWARD; mxward(8), POSTFIX, has the commands";
    case BACKEND_PROBE_RELAYS:
        return "the mail server took mail from a stranger to a stranger: see to its relay restrictions (in Postfix "
               "smtpd_relay_restrictions and mynetworks); if it is a test that may take anything, set "
               "relays-for-anyone yes";
    case BACKEND_PROBE_BROKEN:
        return "look at the mail server's log; until it answers clients are told 421, and their mail waits with them";
    case BACKEND_PROBE_TLS:
        return "see to the backend's certificate, or to tls-authorities, tls-name, tls-certificate and tls-key in its "
               "block; until it is believed it gets no mail";
    }
    return "";
}

const char *probe_name(enum backend_probe result)
{
    switch (result) {
    case BACKEND_PROBE_FIT:
        return "fit";
    case BACKEND_PROBE_DOWN:
        return "down";
    case BACKEND_PROBE_NO_XCLIENT:
        return "no-xclient";
    case BACKEND_PROBE_RELAYS:
        return "relays";
    case BACKEND_PROBE_BROKEN:
        return "broken";
    case BACKEND_PROBE_TLS:
        return "tls";
    }
    return "";
}

static struct slice answer_text(const struct backend_finding *findings, size_t count, struct arena *arena)
{
    char *answer = arena_alloc(arena, count * TEXT_MOST);
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        struct slice problem = slice_first(findings[i].problem, TEXT_MOST - 2);

        length += (size_t)snprintf(answer + length, TEXT_MOST, "%d%.*s", (int)findings[i].result, SLICE_ARG(problem));
        answer[length++] = '\0';
    }
    return slice_of(answer, length);
}

int probe_run(void)
{
    struct arena *arena = arena_new();
    struct slice problem = SLICE(""), answer;
    const struct config *config;
    bool written;

    log_begin("probe");
    alarm(PROBE_SECONDS);
    config = generation_open_config(CONFIG_DESCRIPTOR, arena, &problem);
    if (config != NULL) {
        struct event_base *base = event_base_new();

        if (base == NULL)
            bug("probe: no event base");
        answer = answer_text(backend_probe_all(base, config->backends, config->backends_count, arena),
                             config->backends_count, arena);
        event_base_free(base);
    } else {
        struct backend_finding unread = { .result = BACKEND_PROBE_BROKEN, .problem = problem };

        answer = answer_text(&unread, 1, arena);
    }
    written = write(ANSWER_DESCRIPTOR, answer.text, answer.length) == (ssize_t)answer.length;
    arena_free(&arena);
    return written ? 0 : 1;
}
