/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink_maildir.c: a message into a Maildir: written in tmp/, synced, and renamed into new/, so that what is in new/
 * is whole and on the disk. The file holds the message's bytes and nothing else; envelope and client are in
 * envelope/NAME.json, which is there before the message is. Any failure is the message's: it is not accepted.
 */
#include "cli/sink_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <jansson.h>

bool sink_maildir_make(const char *maildir)
{
    static const char *const folders[] = { "", "/tmp", "/new", "/cur", "/envelope" };
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        int length = snprintf(path, sizeof(path), "%s%s", maildir, folders[i]);
        if (length < 0 || (size_t)length >= sizeof(path)) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool delivery_path(char path[PATH_MAX], const struct sink_delivery *delivery, const struct sink *sink,
                          const char *folder,
                          const char *ending)
{
    int length = snprintf(path, PATH_MAX, "%s/%s/%s%s", sink->settings.maildir, folder, delivery->name, ending);

    return length > 0 && length < PATH_MAX;
}

void sink_delivery_begin(struct sink_delivery *delivery, struct sink *sink)
{
    char path[PATH_MAX];
    struct timeval now;

    *delivery = (struct sink_delivery){ .file = -1 };
    if (sink->settings.discard)
        return;
    gettimeofday(&now, NULL);
    snprintf(delivery->name, sizeof(delivery->name), "%lld.M%06ldP%dQ%llu.sink", (long long)now.tv_sec,
             (long)now.tv_usec,
             (int)getpid(), ++sink->count);
    if (!delivery_path(path, delivery, sink, "tmp", "")) {
        delivery->failed = true;
        return;
    }
    delivery->file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    delivery->failed = delivery->file < 0;
}

void sink_delivery_write(struct sink_delivery *delivery, struct sink *sink, struct slice bytes)
{
    delivery->size += bytes.length;
    if (sink->settings.size > 0 && delivery->size > sink->settings.size)
        return;
    while (delivery->file >= 0 && !delivery->failed && bytes.length > 0) {
        ssize_t written = write(delivery->file, bytes.text, bytes.length);
        if (written < 0 && errno != EINTR)
            delivery->failed = true;
        else if (written > 0)
            bytes = slice_from(bytes, (size_t)written);
    }
}

static json_t *text_of(struct slice slice)
{
    json_t *text;

    if (slice_is_empty(slice))
        return json_string("");
    text = json_stringn(slice.text, slice.length);
    /* Not UTF-8: shown as if it were Latin-1, which loses nothing. */
    if (text == NULL) {
        char *wide = memory_alloc(slice.length * 2 + 1);
        size_t length = 0;
        for (size_t i = 0; i < slice.length; i++) {
            unsigned char byte = (unsigned char)slice.text[i];
            if (byte >= 0x80)
                wide[length++] = (char)(0xc0 | byte >> 6);
            wide[length++] = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte);
        }
        text = json_stringn(wide, length);
        free(wide);
    }
    return text;
}

static json_t *envelope_json(const struct sink_delivery *delivery, const struct sink_envelope *envelope)
{
    json_t *object = json_object();
    json_t *recipients = json_array();
    json_t *attributes = json_object();
    char name[32];

    for (size_t i = 0; i < envelope->recipients_count; i++)
        json_array_append_new(recipients, text_of(envelope->recipients[i]));
    for (size_t i = 0; i + 1 < envelope->attributes_count; i += 2) {
        snprintf(name, sizeof(name), "%.*s", SLICE_ARG(envelope->attributes[i]));
        json_object_set_new(attributes, name, text_of(envelope->attributes[i + 1]));
    }
    json_object_set_new(object, "sender", text_of(envelope->sender));
    json_object_set_new(object, "mail-parameters", text_of(envelope->mail_parameters));
    json_object_set_new(object, "recipients", recipients);
    json_object_set_new(object, "helo", text_of(envelope->helo));
    json_object_set_new(object, "protocol", text_of(envelope->protocol));
    json_object_set_new(object, "peer", text_of(envelope->peer));
    json_object_set_new(object, "xclient", attributes);
    json_object_set_new(object, "by", json_string(envelope->chunked ? "BDAT" : "DATA"));
    json_object_set_new(object, "size", json_integer((json_int_t)delivery->size));
    return object;
}

static bool write_envelope(const struct sink_delivery *delivery, const struct sink *sink,
                           const struct sink_envelope *envelope)
{
    char path[PATH_MAX];
    json_t *object;
    int file;
    bool well;

    if (!delivery_path(path, delivery, sink, "envelope", ".json"))
        return false;
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return false;
    object = envelope_json(delivery, envelope);
    well = object != NULL && json_dumpfd(object, file, JSON_INDENT(2)) == 0 && write(file, "\n", 1) == 1;
    if (sink->settings.sync && fsync(file) != 0)
        well = false;
    json_decref(object);
    return close(file) == 0 && well;
}

static bool sync_folder(const struct sink *sink, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", sink->settings.maildir, name);
    int folder = length > 0 && (size_t)length < sizeof(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool well = folder >= 0 && fsync(folder) == 0;

    if (folder >= 0)
        close(folder);
    return well;
}

bool sink_delivery_end(struct sink_delivery *delivery, struct sink *sink, const struct sink_envelope *envelope)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    bool well = !delivery->failed;

    if (sink->settings.discard)
        return true;
    well = well && (!sink->settings.sync || fsync(delivery->file) == 0);
    well = well && write_envelope(delivery, sink, envelope) && delivery_path(from, delivery, sink, "tmp", "") &&
           delivery_path(to, delivery, sink, "new", "") && rename(from, to) == 0;
    well = well && (!sink->settings.sync || (sync_folder(sink, "envelope") && sync_folder(sink, "new")));
    if (well) {
        close(delivery->file);
        delivery->file = -1;
    } else {
        sink_delivery_drop(delivery, sink);
    }
    return well;
}

void sink_delivery_drop(struct sink_delivery *delivery, struct sink *sink)
{
    char path[PATH_MAX];

    if (delivery->file < 0)
        return;
    close(delivery->file);
    delivery->file = -1;
    if (delivery_path(path, delivery, sink, "tmp", ""))
        unlink(path);
}
