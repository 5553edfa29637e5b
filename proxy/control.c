/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.c: one packet a message: type and number as 32 bits each in the machine's order (both ends are one
 * binary on one machine), then the text without its NUL; descriptors beside it. A packet of any other shape
 * closes what it brought and counts as the other end's end.
 */
#include "proxy/control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct head {
    uint32_t type;
    uint32_t number;
};

union ancillary {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(CONTROL_DESCRIPTORS_MOST * sizeof(int))];
};

bool control_send(int socket, const struct control_message *message)
{
    struct head head = { (uint32_t)message->type, message->number };
    struct iovec parts[] = {
        { .iov_base = &head, .iov_len = sizeof(head) },
        { .iov_base = (char *)(uintptr_t)message->text, .iov_len = strnlen(message->text, CONTROL_TEXT_MOST - 1) },
    };
    union ancillary ancillary;
    struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
    ssize_t sent;

    if (message->descriptors_count > CONTROL_DESCRIPTORS_MOST) {
        errno = EINVAL;
        return false;
    }
    if (message->descriptors_count > 0) {
        size_t length = message->descriptors_count * sizeof(int);
        struct cmsghdr *beside;

        memset(&ancillary, 0, sizeof(ancillary));
        packet.msg_control = ancillary.bytes;
        packet.msg_controllen = CMSG_SPACE(length);
        beside = CMSG_FIRSTHDR(&packet);
        beside->cmsg_level = SOL_SOCKET;
        beside->cmsg_type = SCM_RIGHTS;
        beside->cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(beside), message->descriptors, length);
    }
    do
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

static void take_descriptors(struct msghdr *packet, struct control_message *message)
{
    for (struct cmsghdr *beside = CMSG_FIRSTHDR(packet); beside != NULL; beside = CMSG_NXTHDR(packet, beside)) {
        size_t count;

        if (beside->cmsg_level != SOL_SOCKET || beside->cmsg_type != SCM_RIGHTS)
            continue;
        count = (beside->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;

            memcpy(&descriptor, CMSG_DATA(beside) + i * sizeof(int), sizeof(int));
            if (message->descriptors_count < CONTROL_DESCRIPTORS_MOST)
                message->descriptors[message->descriptors_count++] = descriptor;
            else
                close(descriptor);
        }
    }
}

static void close_descriptors(struct control_message *message)
{
    for (unsigned i = 0; i < message->descriptors_count; i++)
        close(message->descriptors[i]);
    message->descriptors_count = 0;
}

static bool is_type(uint32_t type)
{
    return type >= CONTROL_START && type <= CONTROL_UNFIT;
}

int control_receive(int socket, struct control_message *message_out)
{
    struct head head = { 0, 0 };
    struct iovec parts[] = {
        { .iov_base = &head, .iov_len = sizeof(head) },
        { .iov_base = message_out->text, .iov_len = CONTROL_TEXT_MOST - 1 },
    };
    union ancillary ancillary;
    struct msghdr packet = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = ancillary.bytes, .msg_controllen = sizeof(ancillary.bytes),
    };
    ssize_t received;
    bool truncated, too_many;

    memset(message_out, 0, sizeof(*message_out));
    do
        received = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    take_descriptors(&packet, message_out);
    truncated = (packet.msg_flags & MSG_CTRUNC) != 0;
    too_many = truncated && message_out->descriptors_count == CONTROL_DESCRIPTORS_MOST;
    message_out->cut = truncated && !too_many;
    if (message_out->cut)
        close_descriptors(message_out);
    if (received < (ssize_t)sizeof(head) || too_many || (packet.msg_flags & MSG_TRUNC) != 0 || !is_type(head.type)) {
        close_descriptors(message_out);
        return -1;
    }
    message_out->type = (enum control_type)head.type;
    message_out->number = head.number;
    return 1;
}
