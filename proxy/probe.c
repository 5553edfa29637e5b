/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c: both ends. The answer is a digit (enum backend_probe) and a text, ended by the pipe's end; anything
 * else, or nothing in time, counts as BROKEN. The text holds words of the backend and is shown through
 * log_event(), which makes it safe.
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
#define ANSWER_MOST 1024
/* Connecting and five commands, each within its own limit, and some. */
#define PROBE_SECONDS 120

struct probe {
    pid_t process;                     /* 0: gone */
    int descriptor;
    struct event *readable;
    probe_heard heard;
    void *context;
    char answer[ANSWER_MOST];
    size_t length;
};

static void finish(struct probe *probe, enum backend_probe result, const char *problem)
{
    event_del(probe->readable);
    /* May free the probe. */
    probe->heard(probe->context, result, problem);
}

static void on_answer(evutil_socket_t descriptor, short events, void *context)
{
    struct probe *probe = context;
    ssize_t got;

    if ((events & EV_TIMEOUT) != 0) {
        finish(probe, BACKEND_PROBE_BROKEN, "the probe did not end in time");
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
    if (probe->length == 0 || probe->answer[0] < '0' || probe->answer[0] > '0' + BACKEND_PROBE_BROKEN)
        finish(probe, BACKEND_PROBE_BROKEN, "the probe died");
    else
        finish(probe, (enum backend_probe)(probe->answer[0] - '0'), probe->answer + 1);
}

struct probe *probe_start(struct event_base *base, int binary, int config_descriptor, probe_heard heard, void *context)
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

bool probe_is_fatal(enum backend_probe result)
{
    switch (result) {
    case BACKEND_PROBE_NO_XCLIENT:
    case BACKEND_PROBE_RELAYS:
        return true;
    case BACKEND_PROBE_FIT:
    case BACKEND_PROBE_DOWN:
    case BACKEND_PROBE_BROKEN:
        return false;
    }
    return true;
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
    }
    return "";
}

int probe_run(void)
{
    struct arena *arena = arena_new();
    struct slice problem = SLICE("");
    const struct config *config;
    struct backend_offer offer;
    enum backend_probe result = BACKEND_PROBE_BROKEN;
    struct slice answer;
    bool written;

    log_begin("probe");
    alarm(PROBE_SECONDS);
    config = generation_open_config(CONFIG_DESCRIPTOR, arena, &problem);
    if (config != NULL) {
        struct event_base *base = event_base_new();

        if (base == NULL)
            bug("probe: no event base");
        result = backend_probe_run(base, &config->backend, &offer, arena, &problem);
        event_base_free(base);
    }
    answer = arena_printf(arena, "%d%.*s", (int)result, SLICE_ARG(problem));
    answer = slice_first(answer, ANSWER_MOST - 1);
    written = write(ANSWER_DESCRIPTOR, answer.text, answer.length) == (ssize_t)answer.length;
    arena_free(&arena);
    return written ? 0 : 1;
}
