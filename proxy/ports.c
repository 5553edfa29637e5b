/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.c: sockets handed over are matched to listeners by address and port; what no listener names is refused,
 * for it would be a port that answers nobody. A port still held by the workers of a master that was killed is
 * waited for shortly.
 */
#include "proxy/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proxy/notify.h"

/* Workers of a master that was killed see its end at once and close their ports. */
#define BIND_ATTEMPTS 40
#define BIND_PAUSE_NANOSECONDS 50000000L

_Static_assert(STATUS_PORTS >= 16, "a port for each listener: see LISTENERS_MOST in config.c");

static socklen_t to_sockaddr(const struct config_listener *listener, struct sockaddr_storage *address_out)
{
    memset(address_out, 0, sizeof(*address_out));
    if (listener->address.family == 4) {
        struct sockaddr_in *address = (struct sockaddr_in *)address_out;

        address->sin_family = AF_INET;
        address->sin_port = htons(listener->port);
        memcpy(&address->sin_addr, listener->address.bytes, 4);
        return sizeof(*address);
    }
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)address_out;

    address->sin6_family = AF_INET6;
    address->sin6_port = htons(listener->port);
    memcpy(&address->sin6_addr, listener->address.bytes, 16);
    return sizeof(*address);
}

/* False: not a TCP socket that listens. */
static bool from_socket(int socket_number, struct address *address_out, uint16_t *port_out)
{
    struct sockaddr_storage address = { 0 };
    socklen_t length = sizeof(address);
    int listening = 0;
    socklen_t size = sizeof(listening);

    memset(address_out, 0, sizeof(*address_out));
    if (getsockopt(socket_number, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening ||
        getsockname(socket_number, (struct sockaddr *)&address, &length) != 0)
        return false;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address;

        address_out->family = 4;
        memcpy(address_out->bytes, &ipv4->sin_addr, 4);
        *port_out = ntohs(ipv4->sin_port);
    } else if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address;

        address_out->family = 6;
        memcpy(address_out->bytes, &ipv6->sin6_addr, 16);
        *port_out = ntohs(ipv6->sin6_port);
    }
    return address_out->family != 0;
}

static bool bind_patiently(int descriptor, const struct sockaddr_storage *address, socklen_t length, int attempts)
{
    static const struct timespec pause = { 0, BIND_PAUSE_NANOSECONDS };

    for (int attempt = 1; bind(descriptor, (const struct sockaddr *)address, length) != 0; attempt++) {
        if (errno != EADDRINUSE || attempt >= attempts)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static int open_port(const struct config_listener *listener, int attempts, struct arena *arena,
                     struct slice *problem_out)
{
    struct sockaddr_storage address;
    socklen_t length = to_sockaddr(listener, &address);
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (address.ss_family == AF_INET || setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind_patiently(descriptor, &address, length, attempts) && listen(descriptor, PORTS_BACKLOG) == 0)
        return descriptor;
    *problem_out = arena_printf(arena, "cannot listen on %.*s: %s%s", SLICE_ARG(listener->text), strerror(errno),
                                errno == EACCES ? " (a port below 1024 takes root or CAP_NET_BIND_SERVICE)"
                                : errno == EADDRINUSE ? " (is the mail server still there?)" : "");
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

/* Gives a socket that was handed over to its listener; false: there is none for it. */
static bool assign(int descriptor, const struct config *config, struct ports *ports)
{
    struct address address;
    uint16_t port = 0;

    if (!from_socket(descriptor, &address, &port))
        return false;
    for (size_t i = 0; i < config->listeners_count; i++) {
        if (ports->sockets[i] < 0 && config->listeners[i].port == port &&
            address_equal(&config->listeners[i].address, &address)) {
            ports->sockets[i] = descriptor;
            fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
            return true;
        }
    }
    return false;
}

static bool take_handed_over(const struct config *config, struct ports *ports, struct arena *arena,
                             struct slice *problem_out)
{
    for (unsigned i = 0; i < notify_sockets(); i++) {
        if (!assign(NOTIFY_FIRST_SOCKET + (int)i, config, ports)) {
            *problem_out =
                arena_printf(arena,
                             "socket %u handed over by the service manager is of no listener in %s: both must name the "
                             "same addresses and ports (IPv6 sockets with BindIPv6Only=ipv6-only)",
                             i + 1, config->path);
            return false;
        }
    }
    return true;
}

bool ports_open(const struct config *config, struct ports *ports_out, struct arena *arena, struct slice *problem_out)
{
    struct address address;
    bool well;

    ports_out->count = config->listeners_count;
    for (size_t i = 0; i < ports_out->count; i++)
        ports_out->sockets[i] = -1;
    well = take_handed_over(config, ports_out, arena, problem_out);
    for (size_t i = 0; well && i < ports_out->count; i++) {
        if (ports_out->sockets[i] < 0)
            ports_out->sockets[i] = open_port(&config->listeners[i], BIND_ATTEMPTS, arena, problem_out);
        well = ports_out->sockets[i] >= 0 && from_socket(ports_out->sockets[i], &address, &ports_out->numbers[i]);
    }
    if (!well)
        ports_close(ports_out);
    return well;
}

static bool has(const struct ports *ports, int descriptor)
{
    for (size_t i = 0; i < ports->count; i++)
        if (ports->sockets[i] == descriptor)
            return true;
    return false;
}

/* Each socket goes to one listener: several may have the same address and port 0. */
static bool take_over(const struct ports *now, const struct config *config, const struct config_listener *listener,
                      struct ports *ports, size_t place)
{
    for (size_t i = 0; i < now->count; i++)
        if (config_listener_same(&config->listeners[i], listener) && !has(ports, now->sockets[i])) {
            ports->sockets[place] = now->sockets[i];
            ports->numbers[place] = now->numbers[i];
            return true;
        }
    return false;
}

bool ports_change(const struct ports *now, const struct config *config, const struct config *next,
                  struct ports *ports_out, struct arena *arena, struct slice *problem_out)
{
    struct address address;
    bool well = true;

    *ports_out = (struct ports){ .count = next->listeners_count };
    for (size_t i = 0; i < ports_out->count; i++)
        ports_out->sockets[i] = -1;
    for (size_t i = 0; well && i < ports_out->count; i++) {
        if (take_over(now, config, &next->listeners[i], ports_out, i))
            continue;
        ports_out->sockets[i] = open_port(&next->listeners[i], 1, arena, problem_out);
        well = ports_out->sockets[i] >= 0 && from_socket(ports_out->sockets[i], &address, &ports_out->numbers[i]);
    }
    if (!well)
        ports_close_but(ports_out, now);
    return well;
}

void ports_close_but(struct ports *ports, const struct ports *others)
{
    for (size_t i = 0; i < ports->count; i++)
        if (ports->sockets[i] >= 0 && !has(others, ports->sockets[i]))
            close(ports->sockets[i]);
    ports->count = 0;
}

void ports_close(struct ports *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        if (ports->sockets[i] >= 0)
            close(ports->sockets[i]);
        ports->sockets[i] = -1;
    }
}
