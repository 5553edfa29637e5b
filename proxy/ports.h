/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ports.h: the listening sockets: bound by the master, or handed over by the service manager. Every worker
 * accepts from the same sockets, so that connections that wait outlive any of them.
 */
#ifndef MXWARD_PROXY_PORTS_H
#define MXWARD_PROXY_PORTS_H

#include "proxy/config.h"
#include "proxy/status.h"

struct ports {
    int sockets[STATUS_PORTS];         /* parallel to config->listeners */
    uint16_t numbers[STATUS_PORTS];    /* as bound: port 0 in the configuration lets the system choose */
    size_t count;
};

/* Connections that wait to be accepted; the kernel caps it (net.core.somaxconn). */
#define PORTS_BACKLOG 4096

/* False: *problem_out, and no socket is left open. */
bool ports_open(const struct config *config, struct ports *ports_out, struct arena *arena, struct slice *problem_out);
/*
 * For another configuration: the sockets of listeners that both have, and new ones for the others. False: *problem_out,
 * and none of the new is left open.
 */
bool ports_change(const struct ports *now, const struct config *config, const struct config *next,
                  struct ports *ports_out, struct arena *arena, struct slice *problem_out);
void ports_close(struct ports *ports);
/* Those that `others` does not have. */
void ports_close_but(struct ports *ports, const struct ports *others);

#endif
