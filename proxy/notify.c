/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.c: one datagram a message to the socket that NOTIFY_SOCKET names: a path, or "@" and an abstract name.
 * Numbers from the environment are parsed strictly; one that is none counts as absent.
 */
#include "proxy/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rules/slice.h"

/* More sockets than listeners there can be are not looked at. */
#define SOCKETS_MOST 64

static struct sockaddr_un manager;
static socklen_t manager_length;       /* 0: none */
static uint64_t watchdog;
static unsigned sockets;

static unsigned long long take_number(const char *name, unsigned long long most)
{
    unsigned long long number = 0;
    const char *value = getenv(name);

    if (value == NULL || !slice_number(slice_of_string(value), most, &number))
        return 0;
    return number;
}

static void take_manager(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path == NULL ? 0 : strlen(path);

    if (length < 2 || length >= sizeof(manager.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    manager.sun_family = AF_UNIX;
    memcpy(manager.sun_path, path, length);
    if (path[0] == '@')
        manager.sun_path[0] = '\0';
    manager_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* A variable that is meant for another process, by its number, is none for this one. */
static bool is_for_us(const char *name)
{
    return getenv(name) == NULL || take_number(name, UINT32_MAX) == (unsigned long long)getpid();
}

void notify_begin(void)
{
    static const char *const names[] = { "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS",
                                         "LISTEN_FDNAMES" };

    take_manager();
    if (is_for_us("WATCHDOG_PID"))
        watchdog = take_number("WATCHDOG_USEC", UINT64_C(1) << 50) / 1000;
    if (getenv("LISTEN_PID") != NULL && is_for_us("LISTEN_PID"))
        sockets = (unsigned)take_number("LISTEN_FDS", SOCKETS_MOST);
    for (unsigned i = 0; i < sockets; i++)
        fcntl(NOTIFY_FIRST_SOCKET + (int)i, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

bool notify_send(const char *message)
{
    int descriptor;
    bool sent;
    int saved;

    if (manager_length == 0)
        return true;
    descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    sent = sendto(descriptor, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&manager,
                  manager_length) >= 0;
    saved = errno;
    close(descriptor);
    errno = saved;
    return sent;
}

uint64_t notify_watchdog(void)
{
    return watchdog;
}

unsigned notify_sockets(void)
{
    return sockets;
}
