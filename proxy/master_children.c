/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master_children.c: a child from its start to its end, and again. Each is spoken to over its own socket
 * (control.h); what it says is believed in its form only. A child that dies is buried in the status table and
 * started again, with a pause when it dies often.
 */
#include "proxy/master_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "proxy/clock.h"
#include "proxy/log.h"
#include "proxy/process.h"

static void on_restart(evutil_socket_t unused, short events, void *context);

void child_init(struct child *child, struct master *master, unsigned slot)
{
    child->master = master;
    child->slot = slot;
    child->socket = -1;
    child->restart = evtimer_new(master->base, on_restart, child);
    if (child->restart == NULL)
        bug("child: no event");
}

bool child_is_keeper(const struct child *child)
{
    return child->slot == STATUS_COLUMN_KEEPER;
}

void child_close(struct child *child)
{
    if (child->readable != NULL)
        event_free(child->readable);
    child->readable = NULL;
    if (child->socket >= 0)
        close(child->socket);
    child->socket = -1;
}

void child_clear(struct child *child)
{
    child_close(child);
    if (child->restart != NULL)
        event_free(child->restart);
    child->restart = NULL;
}

static void send_or_kill(struct child *child, const struct control_message *message)
{
    if (child->socket < 0 || child->process <= 0 || control_send(child->socket, message))
        return;
    log_event(LOG_LEVEL_ERROR, "child-deaf", "child", child_is_keeper(child) ? "keeper" : "worker", "slot",
              log_number(child->slot), "why", strerror(errno), NULL);
    kill(child->process, SIGKILL);
}

void child_tell(struct child *child, enum control_type type, unsigned number)
{
    struct control_message message = { .type = type, .number = number };

    send_or_kill(child, &message);
}

void child_tell_load(struct child *child, const struct load *load, const struct ports *ports, unsigned number)
{
    struct control_message message = { .type = CONTROL_GENERATION, .number = number };

    message.descriptors[message.descriptors_count++] = load->config_descriptor;
    if (!child_is_keeper(child)) {
        message.descriptors[message.descriptors_count++] = load->image_descriptor;
        for (size_t i = 0; i < ports->count; i++)
            message.descriptors[message.descriptors_count++] = ports->sockets[i];
    }
    send_or_kill(child, &message);
}

static void tell_start(struct child *child)
{
    const struct master *master = child->master;
    struct control_message message = { .type = CONTROL_START, .number = child->slot };

    message.descriptors[message.descriptors_count++] = master->status_descriptor;
    if (!child_is_keeper(child))
        message.descriptors[message.descriptors_count++] = master->binary;
    send_or_kill(child, &message);
}

/* Without them its sessions cannot be resumed, which costs clients a full handshake and nothing else. */
static void tell_tickets(struct child *child)
{
    struct control_message message = { .type = CONTROL_TICKETS, .descriptors_count = 1 };

    message.descriptors[0] = tls_tickets_seal(&child->master->tickets);
    if (message.descriptors[0] < 0) {
        log_event(LOG_LEVEL_ERROR, "session-tickets", "why", strerror(errno), NULL);
        return;
    }
    send_or_kill(child, &message);
    close(message.descriptors[0]);
}

/* Gives a worker and the keeper, one of which has just begun, the two ends of a new journal socket. */
static void connect_journal(struct master *master, struct child *worker, struct child *newcomer)
{
    struct control_message message = { .type = CONTROL_KEEPER, .number = worker->slot, .descriptors_count = 1 };
    int pair[2];

    if (worker->process <= 0 || master->keeper.process <= 0)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        log_event(LOG_LEVEL_ERROR, "socketpair", "why", strerror(errno), "effect", "that process is started anew",
                  NULL);
        kill(newcomer->process, SIGKILL);
        return;
    }
    message.descriptors[0] = pair[0];
    send_or_kill(&master->keeper, &message);
    message.descriptors[0] = pair[1];
    send_or_kill(worker, &message);
    close(pair[0]);
    close(pair[1]);
}

static void connect_journals(struct child *child)
{
    struct master *master = child->master;

    if (!child_is_keeper(child)) {
        connect_journal(master, child, child);
        return;
    }
    for (unsigned i = 0; i < master->workers_count; i++)
        connect_journal(master, &master->workers[i], child);
}

static void on_refused(struct child *child, const struct control_message *message)
{
    struct master *master = child->master;

    if (master->next != NULL && message->number == master->next_number) {
        master_reload_refuse(master, message->text);
        return;
    }
    /* The same load as another process has refused already: it goes on with what it has. */
    if (message->number != master->number)
        return;
    log_event(LOG_LEVEL_ERROR, "configuration-refused", "child", child_is_keeper(child) ? "keeper" : "worker", "slot",
              log_number(child->slot), "why", message->text, NULL);
    if (!master->announced)
        master_fail(master);
    else
        kill(child->process, SIGKILL);
}

static void on_prepared(struct child *child, unsigned number)
{
    child->prepared = number;
    if (number == child->master->number)
        child_tell(child, CONTROL_COMMIT, number);
    else
        master_reload_prepared(child->master);
}

static void obey(struct child *child, const struct control_message *message)
{
    switch (message->type) {
    case CONTROL_PREPARED:
        on_prepared(child, message->number);
        break;
    case CONTROL_REFUSED:
        on_refused(child, message);
        break;
    case CONTROL_READY:
        child->ready = message->number;
        master_look_if_ready(child->master);
        break;
    case CONTROL_PONG:
        child->answered = true;
        break;
    case CONTROL_UNFIT:
        log_event(LOG_LEVEL_ERROR, "backend-unfit", "slot", log_number(child->slot), "why", message->text, "effect",
                  "it gets no mail; where no other is fit clients are told 421", NULL);
        break;
    case CONTROL_START:
    case CONTROL_TICKETS:
    case CONTROL_GENERATION:
    case CONTROL_COMMIT:
    case CONTROL_DISCARD:
    case CONTROL_KEEPER:
    case CONTROL_DRAIN:
    case CONTROL_PING:
        log_event(LOG_LEVEL_ERROR, "child-nonsense", "slot", log_number(child->slot), "type", log_number(message->type),
                  NULL);
        break;
    }
}

static void on_message(evutil_socket_t socket, short events, void *context)
{
    struct child *child = context;
    struct control_message message;
    int got = 0;

    (void)events;
    while (child->socket >= 0 && (got = control_receive(socket, &message)) > 0) {
        obey(child, &message);
        for (unsigned i = 0; i < message.descriptors_count; i++)
            close(message.descriptors[i]);
    }
    if (got >= 0 || child->socket < 0)
        return;
    /* Its end is closed: it is dead, or will be soon, or it broke the protocol. While draining it may still finish. */
    child_close(child);
    if (child->process > 0 && !child->master->draining)
        kill(child->process, SIGKILL);
}

/* False with errno. */
static bool start_process(struct child *child)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    child->process = process_start(child->master->binary, child_is_keeper(child) ? "keeper" : "worker",
                                   PROCESS_OUTLIVES_PARENT, &pair[1], 1);
    close(pair[1]);
    if (child->process < 0) {
        child->process = 0;
        close(pair[0]);
        return false;
    }
    child->socket = pair[0];
    child->readable = event_new(child->master->base, child->socket, EV_READ | EV_PERSIST, on_message, child);
    if (child->readable == NULL || event_add(child->readable, NULL) != 0)
        bug("child: no event");
    return true;
}

/* After a death, or a start that failed. */
static void start_later(struct child *child)
{
    unsigned pause = restarts_note(&child->restarts, (uint64_t)(clock_monotonic() / 1000));
    struct timeval wait = { .tv_sec = pause / 1000, .tv_usec = (pause % 1000) * 1000 };

    if (pause > 0)
        log_event(LOG_LEVEL_ERROR, "child-restart-waits", "slot", log_number(child->slot), "milliseconds",
                  log_number(pause), NULL);
    event_add(child->restart, &wait);
}

static void on_restart(evutil_socket_t unused, short events, void *context)
{
    (void)unused;
    (void)events;
    child_start(context);
}

void child_start(struct child *child)
{
    struct master *master = child->master;

    child->prepared = 0;
    child->ready = 0;
    child->answered = true;
    if (!start_process(child)) {
        log_event(LOG_LEVEL_ERROR, "child-start", "slot", log_number(child->slot), "why", strerror(errno), NULL);
        start_later(child);
        return;
    }
    tell_start(child);
    if (!child_is_keeper(child))
        tell_tickets(child);
    child_tell_load(child, master->current, &master->ports, master->number);
    connect_journals(child);
}

static void count_death(struct child *child)
{
    struct status_column *own = status_column(child->master->status, STATUS_COLUMN_MASTER);

    status_add(own, child_is_keeper(child) ? STATUS_KEEPER_DEATHS : STATUS_WORKER_DEATHS, 1);
}

void child_died(struct child *child, int status)
{
    struct master *master = child->master;

    child_close(child);
    status_bury(master->status, child->slot);
    if (!master->draining) {
        count_death(child);
        log_event(LOG_LEVEL_ERROR, child_is_keeper(child) ? "keeper-died" : "worker-died", "slot",
                  log_number(child->slot), "died", log_number(child->process), "how", process_end_text(status), NULL);
    }
    child->process = 0;
    child->ready = 0;
    if (master->draining) {
        master_look_if_drained(master);
        return;
    }
    if (master->next_sent)
        master_reload_refuse(master, child_is_keeper(child) ? "the keeper died meanwhile" : "a worker died meanwhile");
    start_later(child);
}
