/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink.c: `mxward sink`, a small SMTP server that writes what it gets into a Maildir: the backend of the
 * demonstration, of tests and of measurements. Not for production: it takes mail for anyone unless told otherwise,
 * and knows no queue. This file: arguments, the listening socket, the loop.
 */
#include "cli/cli.h"
#include "cli/sink_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/listener.h>

#define DOMAINS_MOST 64
#define BACKLOG 1024

static const char usage[] =
    "Usage: mxward sink --listen ADDRESS:PORT --maildir DIRECTORY [OPTION...]\n"
    "\n"
    "A small SMTP server that keeps what it gets in a Maildir: a backend for demonstration and tests, not for\n"
    "production. The message goes to DIRECTORY/new byte for byte, envelope and client to\n"
    "DIRECTORY/envelope/NAME.json.\n"
    "Prints the address it listens at when it is ready; port 0 takes any free one.\n"
    "\n"
    "  --listen ADDRESS:PORT   an IP address, IPv6 in brackets\n"
    "  --maildir DIRECTORY     made if it is not there\n"
    "  --discard               instead of --maildir: keep nothing\n"
    "  --xclient               take the client's identity by XCLIENT, as Postfix does\n"
    "  --domain NAME           recipients there only, others get 554; may be repeated (default: any)\n"
    "  --hostname NAME         in greeting and EHLO (default: sink.mxward.test)\n"
    "  --size BYTES            most of a message (default: 0, any)\n"
    "  --idle SECONDS          until a silent client is sent away (default: 300)\n"
    "  --pipelining no, --chunking no, --8bitmime no\n"
    "                          do not offer it\n"
    "  --sync no               250 before the message is safely on the disk: for measurements\n"
    "  --help                  this text\n"
    "\n"
    "Example:\n"
    "  mxward sink --listen 127.0.0.1:10025 --maildir /tmp/mail --xclient --domain example.org\n";

enum { OPTION_LISTEN = 256, OPTION_MAILDIR, OPTION_DISCARD, OPTION_XCLIENT, OPTION_DOMAIN, OPTION_HOSTNAME, OPTION_SIZE,
       OPTION_IDLE, OPTION_PIPELINING, OPTION_CHUNKING, OPTION_8BITMIME, OPTION_SYNC, OPTION_HELP };

static const struct option options[] = {
    { "listen", required_argument, NULL, OPTION_LISTEN },
    { "maildir", required_argument, NULL, OPTION_MAILDIR },
    { "discard", no_argument, NULL, OPTION_DISCARD },
    { "xclient", no_argument, NULL, OPTION_XCLIENT },
    { "domain", required_argument, NULL, OPTION_DOMAIN },
    { "hostname", required_argument, NULL, OPTION_HOSTNAME },
    { "size", required_argument, NULL, OPTION_SIZE },
    { "idle", required_argument, NULL, OPTION_IDLE },
    { "pipelining", required_argument, NULL, OPTION_PIPELINING },
    { "chunking", required_argument, NULL, OPTION_CHUNKING },
    { "8bitmime", required_argument, NULL, OPTION_8BITMIME },
    { "sync", required_argument, NULL, OPTION_SYNC },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

/* ---- arguments */

static bool read_switch(const char *text, bool *value_out)
{
    *value_out = strcmp(text, "yes") == 0;
    return *value_out || strcmp(text, "no") == 0;
}

static bool read_idle(const char *text, struct sink_settings *settings)
{
    unsigned long long seconds;

    if (!slice_number(slice_of_string(text), 86400, &seconds) || seconds == 0)
        return false;
    settings->idle_seconds = (unsigned)seconds;
    return true;
}

static bool read_option(int option, char *value, struct sink_settings *settings, const char **domains)
{
    switch (option) {
    case OPTION_LISTEN:
        settings->listen = value;
        return true;
    case OPTION_MAILDIR:
        settings->maildir = value;
        return true;
    case OPTION_DISCARD:
        settings->discard = true;
        return true;
    case OPTION_XCLIENT:
        settings->xclient = true;
        return true;
    case OPTION_DOMAIN:
        if (settings->domains_count == DOMAINS_MOST)
            return false;
        domains[settings->domains_count++] = value;
        return true;
    case OPTION_HOSTNAME:
        settings->hostname = value;
        return true;
    case OPTION_SIZE:
        return slice_number(slice_of_string(value), INT64_MAX, &settings->size);
    case OPTION_IDLE:
        return read_idle(value, settings);
    case OPTION_PIPELINING:
        return read_switch(value, &settings->pipelining);
    case OPTION_CHUNKING:
        return read_switch(value, &settings->chunking);
    case OPTION_8BITMIME:
        return read_switch(value, &settings->eight_bit);
    case OPTION_SYNC:
        return read_switch(value, &settings->sync);
    }
    return false;
}

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, struct sink_settings *settings, const char **domains)
{
    int option, at = 0;

    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, &at)) != -1) {
        if (option == OPTION_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (option == '?' || option == ':') {
            fprintf(stderr, "mxward sink: %s: no such option, or its value is missing; see mxward sink --help\n",
                    argv[optind - 1]);
            return 2;
        }
        if (!read_option(option, optarg, settings, domains)) {
            fprintf(stderr, "mxward sink: --%s: %s is no value for it; see mxward sink --help\n", options[at].name,
                    optarg);
            return 2;
        }
    }
    if (optind < argc || settings->listen == NULL || (settings->maildir == NULL) == !settings->discard) {
        fprintf(stderr, "mxward sink: %s; see mxward sink --help\n",
                optind < argc              ? "it takes options only"
                : settings->listen == NULL ? "--listen is missing: the address and port"
                                           : "one of --maildir and --discard says where mail goes");
        return 2;
    }
    return -1;
}

/* ---- the listening socket */

/* "192.0.2.1:25" or "[2001:db8::1]:25". */
static bool read_listen(struct slice text, struct sockaddr_storage *address_out, int *length_out)
{
    struct sockaddr_in four = { .sin_family = AF_INET };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    struct address host;
    unsigned long long port;
    size_t colon = text.length;

    while (colon > 0 && text.text[colon - 1] != ':')
        colon--;
    if (colon < 2 || !slice_number(slice_from(text, colon), UINT16_MAX, &port))
        return false;
    text = slice_first(text, colon - 1);
    if (text.text[0] == '[' && text.text[text.length - 1] == ']')
        text = slice_of(text.text + 1, text.length - 2);
    if (!address_parse(text, &host))
        return false;
    memcpy(&four.sin_addr, host.bytes, 4);
    memcpy(&six.sin6_addr, host.bytes, 16);
    four.sin_port = six.sin6_port = htons((uint16_t)port);
    if (host.family == 4)
        memcpy(address_out, &four, sizeof(four));
    else
        memcpy(address_out, &six, sizeof(six));
    *length_out = host.family == 4 ? (int)sizeof(four) : (int)sizeof(six);
    return true;
}

static struct slice address_text(const struct sockaddr *address, char *buffer, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";
    int length;

    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const void *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        length = snprintf(buffer, size, "[%s]:%u", host, (unsigned)ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const void *)address;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        length = snprintf(buffer, size, "%s:%u", host, (unsigned)ntohs(four->sin_port));
    }
    return slice_of(buffer, (size_t)length);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t descriptor, struct sockaddr *address, int length,
                      void *context)
{
    char text[INET6_ADDRSTRLEN + 16];

    (void)listener, (void)length;
    sink_session_new(context, descriptor, address_text(address, text, sizeof(text)));
}

/* Out of descriptors: the waiting connection is taken up when one is free; a pause keeps the loop from spinning. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

    (void)listener, (void)context;
    nanosleep(&pause, NULL);
}

static struct evconnlistener *listen_at(struct sink *sink)
{
    struct sockaddr_storage address;
    struct evconnlistener *listener;
    char text[INET6_ADDRSTRLEN + 16];
    int length;
    socklen_t bound_length = sizeof(address);

    if (!read_listen(slice_of_string(sink->settings.listen), &address, &length)) {
        fprintf(stderr, "mxward sink: --listen: %s is no ADDRESS:PORT\n", sink->settings.listen);
        return NULL;
    }
    listener = evconnlistener_new_bind(sink->base, on_accept, sink,
                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                                       BACKLOG, (struct sockaddr *)&address, length);
    if (listener == NULL) {
        fprintf(stderr, "mxward sink: %s: %s\n", sink->settings.listen, strerror(errno));
        return NULL;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &bound_length);
    address_text((struct sockaddr *)&address, text, sizeof(text));
    printf("mxward sink: listening at %s\n", text);
    fflush(stdout);
    return listener;
}

/* ---- the loop */

static void on_signal(evutil_socket_t number, short what, void *context)
{
    (void)number, (void)what;
    event_base_loopbreak(context);
}

static int sink_run(struct sink *sink)
{
    struct evconnlistener *listener;
    struct event *interrupt, *terminate;

    sink->base = event_base_new();
    if (sink->base == NULL)
        bug("event_base_new");
    signal(SIGPIPE, SIG_IGN);
    interrupt = evsignal_new(sink->base, SIGINT, on_signal, sink->base);
    terminate = evsignal_new(sink->base, SIGTERM, on_signal, sink->base);
    event_add(interrupt, NULL);
    event_add(terminate, NULL);
    listener = listen_at(sink);
    if (listener != NULL) {
        event_base_dispatch(sink->base);
        evconnlistener_free(listener);
        sink_sessions_free(sink);
    }
    event_free(interrupt);
    event_free(terminate);
    event_base_free(sink->base);
    return listener != NULL ? 0 : 1;
}

int cli_sink(int argc, char **argv)
{
    const char *domains[DOMAINS_MOST];
    struct sink sink = { .settings = {
        .hostname = "sink.mxward.test", .domains = domains, .idle_seconds = 300,
        .pipelining = true, .eight_bit = true, .chunking = true, .sync = true,
    } };
    int code = read_arguments(argc, argv, &sink.settings, domains);

    if (code >= 0)
        return code;
    if (sink.settings.maildir != NULL && !sink_maildir_make(sink.settings.maildir)) {
        fprintf(stderr, "mxward sink: %s: %s\n", sink.settings.maildir, strerror(errno));
        return 1;
    }
    return sink_run(&sink);
}
