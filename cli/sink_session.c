/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink_session.c: SMTP with one client of the sink: enough of RFC 5321 for a message to come in by DATA or BDAT, with
 * XCLIENT as Postfix has it: the state goes back to the greeting, and who was renamed cannot be renamed again. Events
 * only call session_advance(), which works off the input. 250 is said when the message is in the Maildir.
 */
#include "cli/sink_private.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "proxy/command.h"
#include "proxy/reply.h"
#include "proxy/stream.h"

#define RECIPIENTS_MOST 1000
#define ATTRIBUTES_MOST 8
/* Replies held for a client that does not read them. */
#define OUTPUT_MOST ((size_t)64 * 1024)
/* Input looked at in one go, so that no client keeps the others waiting. */
#define STEPS_MOST 64

enum input { INPUT_COMMANDS, INPUT_BAD_LINE, INPUT_DATA, INPUT_CHUNK, INPUT_END };

struct sink_session {
    struct sink_session *previous;
    struct sink_session *next;     /* of the sink */
    struct sink *sink;
    struct stream *stream;
    struct event *timer;
    struct event *again;
    enum input input;
    struct arena *arena;           /* the session: peer and XCLIENT's attributes */
    struct slice peer;
    struct slice attributes[ATTRIBUTES_MOST * 2];
    size_t attributes_count;
    bool renamed;
    struct arena *greeting;        /* from EHLO to the next */
    struct slice helo;
    bool esmtp;
    struct arena *transaction;
    bool has_sender;
    struct slice sender;
    struct slice parameters;
    struct slice recipients[RECIPIENTS_MOST];
    size_t recipients_count;
    struct sink_delivery delivery;
    bool delivering;
    bool chunked;
    bool refused;                  /* the chunk is read and thrown away, then 503 */
    bool last;
    unsigned long long chunk;
    struct framing framing;
};

static const char *const attribute_names[ATTRIBUTES_MOST] = { "NAME", "REVERSE_NAME", "ADDR", "PORT", "HELO", "PROTO",
                                                              "DESTADDR", "DESTPORT" };

/* ---- replies */

static void say(struct sink_session *session, const char *text)
{
    stream_write(session->stream, slice_of_string(text));
}

static void greet(struct sink_session *session)
{
    struct slice line = arena_printf(session->transaction, "220 %s ESMTP mxward sink\r\n",
                                     session->sink->settings.hostname);

    stream_write(session->stream, line);
}

static void end_transaction(struct sink_session *session)
{
    if (session->delivering)
        sink_delivery_drop(&session->delivery, session->sink);
    session->delivering = false;
    session->chunked = false;
    session->has_sender = false;
    session->recipients_count = 0;
    arena_reset(session->transaction);
}

/* ---- commands */

static void do_helo(struct sink_session *session, const struct command *command, bool esmtp)
{
    const struct sink_settings *settings = &session->sink->settings;

    end_transaction(session);
    arena_reset(session->greeting);
    session->helo = arena_copy(session->greeting, command->argument);
    session->esmtp = esmtp;
    if (!esmtp) {
        stream_write(session->stream, arena_printf(session->greeting, "250 %s\r\n", settings->hostname));
        return;
    }
    stream_write(session->stream, arena_printf(session->greeting, "250-%s\r\n", settings->hostname));
    if (settings->pipelining)
        say(session, "250-PIPELINING\r\n");
    stream_write(session->stream, arena_printf(session->greeting, "250-SIZE %llu\r\n", settings->size));
    if (settings->eight_bit)
        say(session, "250-8BITMIME\r\n");
    if (settings->chunking)
        say(session, "250-CHUNKING\r\n");
    if (settings->xclient && !session->renamed)
        say(session, "250-XCLIENT NAME REVERSE_NAME ADDR PORT HELO PROTO DESTADDR DESTPORT\r\n");
    say(session, "250 ENHANCEDSTATUSCODES\r\n");
}

/* Decodes RFC 3461's xtext; false: it is none. */
static bool decode_xtext(struct arena *arena, struct slice text, struct slice *decoded_out)
{
    char *decoded = arena_alloc(arena, text.length + 1);
    size_t length = 0;

    for (size_t i = 0; i < text.length; i++) {
        static const char digits[] = "0123456789ABCDEF";
        const char *high, *low;
        if (text.text[i] != '+') {
            decoded[length++] = text.text[i];
            continue;
        }
        if (text.length - i < 3)
            return false;
        high = memchr(digits, text.text[i + 1], 16);
        low = memchr(digits, text.text[i + 2], 16);
        if (high == NULL || low == NULL)
            return false;
        decoded[length++] = (char)((high - digits) << 4 | (low - digits));
        i += 2;
    }
    *decoded_out = slice_of(decoded, length);
    return true;
}

static bool set_attribute(struct sink_session *session, struct slice word)
{
    struct slice value = word;
    struct slice name = slice_cut(&value, '=');
    struct slice decoded;

    if (slice_is_empty(value) || !decode_xtext(session->arena, value, &decoded))
        return false;
    for (size_t i = 0; i < ATTRIBUTES_MOST; i++) {
        size_t at = 0;
        if (!slice_equal_nocase(name, slice_of_string(attribute_names[i])))
            continue;
        while (at < session->attributes_count && !slice_equal(session->attributes[at],
                                                              slice_of_string(attribute_names[i])))
            at += 2;
        session->attributes[at] = slice_of_string(attribute_names[i]);
        session->attributes[at + 1] = decoded;
        if (at == session->attributes_count)
            session->attributes_count += 2;
        session->renamed = session->renamed || slice_equal(session->attributes[at], SLICE("ADDR"));
        return true;
    }
    return false;
}

static void do_xclient(struct sink_session *session, struct slice words)
{
    if (session->has_sender) {
        say(session, "503 5.5.1 Mail transaction in progress\r\n");
        return;
    }
    if (!session->sink->settings.xclient || session->renamed) {
        say(session, "550 5.7.0 Insufficient authorization\r\n");
        return;
    }
    words = slice_trim(words);
    if (slice_is_empty(words)) {
        say(session, "501 5.5.4 XCLIENT needs attributes\r\n");
        return;
    }
    while (words.text != NULL) {
        if (!set_attribute(session, slice_cut(&words, ' '))) {
            say(session, "501 5.5.4 Bad XCLIENT attribute\r\n");
            return;
        }
    }
    session->helo = SLICE_NONE;
    end_transaction(session);
    greet(session);
}

static struct slice parameters_text(struct arena *arena, const struct command *command)
{
    struct slice text = SLICE("");

    for (size_t i = 0; i < command->parameters_count; i++) {
        const struct command_parameter *parameter = &command->parameters[i];
        text = arena_printf(arena, "%.*s%s%.*s%s%.*s", SLICE_ARG(text), i == 0 ? "" : " ",
                            SLICE_ARG(parameter->keyword),
                            parameter->value.text == NULL ? "" : "=", SLICE_ARG(parameter->value));
    }
    return text;
}

static void do_mail(struct sink_session *session, const struct command *command)
{
    const struct sink_settings *settings = &session->sink->settings;
    uint64_t size;

    if (session->has_sender || session->helo.text == NULL) {
        say(session, session->has_sender ? "503 5.5.1 Nested MAIL\r\n" : "503 5.5.1 Say EHLO first\r\n");
        return;
    }
    if (command->path.international) {
        say(session, "550 5.6.7 SMTPUTF8 is not offered here\r\n");
        return;
    }
    for (size_t i = 0; i < command->parameters_count; i++) {
        const struct command_parameter *parameter = &command->parameters[i];
        if (!slice_equal_nocase(parameter->keyword, SLICE("SIZE")))
            continue;
        if (settings->size > 0 && command_parse_size(parameter->value, &size) && size > settings->size) {
            say(session, "552 5.3.4 Message size exceeds the limit\r\n");
            return;
        }
    }
    session->has_sender = true;
    session->sender = arena_copy(session->transaction, command->path.text);
    session->parameters = parameters_text(session->transaction, command);
    say(session, "250 2.1.0 Ok\r\n");
}

static bool is_ours(const struct sink_settings *settings, struct slice domain)
{
    for (size_t i = 0; i < settings->domains_count; i++)
        if (slice_equal_nocase(domain, slice_of_string(settings->domains[i])))
            return true;
    return settings->domains_count == 0;
}

static void do_rcpt(struct sink_session *session, const struct command *command)
{
    if (!session->has_sender) {
        say(session, "503 5.5.1 Need MAIL first\r\n");
    } else if (command->path.international) {
        say(session, "553 5.6.7 SMTPUTF8 is not offered here\r\n");
    } else if (!is_ours(&session->sink->settings, command->path.domain)) {
        say(session, "554 5.7.1 Relay access denied\r\n");
    } else if (session->recipients_count == RECIPIENTS_MOST) {
        say(session, "452 4.5.3 Too many recipients\r\n");
    } else {
        session->recipients[session->recipients_count++] = arena_copy(session->transaction, command->path.text);
        say(session, "250 2.1.5 Ok\r\n");
    }
}

static void begin_delivery(struct sink_session *session, bool chunked)
{
    sink_delivery_begin(&session->delivery, session->sink);
    session->delivering = true;
    session->chunked = chunked;
}

static void do_data(struct sink_session *session)
{
    if (session->recipients_count == 0 || session->chunked) {
        say(session, session->chunked ? "503 5.5.1 DATA after BDAT\r\n" : "503 5.5.1 No recipients\r\n");
        return;
    }
    begin_delivery(session, false);
    framing_begin(&session->framing, false);
    session->input = INPUT_DATA;
    say(session, "354 End data with <CR><LF>.<CR><LF>\r\n");
}

/* RFC 3030 2: "BDAT" SP chunk-size [ SP "LAST" ]; the bytes follow whatever the answer will be. */
static void do_bdat(struct sink_session *session, struct slice words)
{
    struct slice number = slice_cut(&words, ' ');

    if (!slice_number(number, UINT64_MAX, &session->chunk)) {
        say(session, "501 5.5.4 Bad chunk size\r\n");
        session->input = INPUT_END;
        return;
    }
    session->last = slice_equal_nocase(slice_trim(words), SLICE("LAST"));
    session->refused = session->recipients_count == 0 || !session->sink->settings.chunking;
    if (!session->refused && !session->delivering)
        begin_delivery(session, true);
    session->input = INPUT_CHUNK;
}

static void do_quit(struct sink_session *session)
{
    say(session, "221 2.0.0 Bye\r\n");
    session->input = INPUT_END;
}

static void do_known(struct sink_session *session, const struct command *command)
{
    switch (command->verb) {
    case COMMAND_HELO:
    case COMMAND_EHLO:
        do_helo(session, command, command->verb == COMMAND_EHLO);
        return;
    case COMMAND_MAIL:
        do_mail(session, command);
        return;
    case COMMAND_RCPT:
        do_rcpt(session, command);
        return;
    case COMMAND_DATA:
        do_data(session);
        return;
    case COMMAND_RSET:
        end_transaction(session);
        say(session, "250 2.0.0 Ok\r\n");
        return;
    case COMMAND_NOOP:
        say(session, "250 2.0.0 Ok\r\n");
        return;
    case COMMAND_VRFY:
        say(session, "252 2.0.0 Send some mail, it is kept for anyone\r\n");
        return;
    case COMMAND_HELP:
        say(session, "214 2.0.0 RFC 5321\r\n");
        return;
    case COMMAND_QUIT:
        do_quit(session);
        return;
    case COMMAND_AUTH:
    case COMMAND_STARTTLS:
    case COMMAND_BDAT:             /* do_bdat() had it before, */
    case COMMAND_XCLIENT:          /* do_xclient() this */
    case COMMAND_UNKNOWN:
        say(session, "502 5.5.1 Command not implemented\r\n");
        return;
    }
    bug("command_verb");
}

static void do_line(struct sink_session *session, struct slice line)
{
    struct slice rest = line;
    struct slice verb = slice_cut(&rest, ' ');
    struct command command;
    const char *enhanced;
    const char *problem;

    if (slice_equal_nocase(verb, SLICE("XCLIENT"))) {
        do_xclient(session, rest);
        return;
    }
    if (slice_equal_nocase(verb, SLICE("BDAT"))) {
        do_bdat(session, slice_trim(rest));
        return;
    }
    switch (command_parse(line, &command, &enhanced, &problem)) {
    case COMMAND_OK:
        do_known(session, &command);
        return;
    case COMMAND_UNRECOGNISED:
        say(session, "500 5.5.2 Command not recognised\r\n");
        return;
    case COMMAND_SYNTAX:
        stream_write(session->stream, arena_printf(session->transaction, "501 %s %s\r\n", enhanced, problem));
        return;
    }
    bug("command_status");
}

/* ---- messages */

static void take_content(void *context, struct slice bytes)
{
    struct sink_session *session = context;

    sink_delivery_write(&session->delivery, session->sink, bytes);
}

static bool is_too_large(const struct sink_session *session)
{
    return session->sink->settings.size > 0 && session->delivery.size > session->sink->settings.size;
}

static void end_message(struct sink_session *session)
{
    struct sink_envelope envelope = {
        .sender = session->sender,
        .mail_parameters = session->parameters,
        .recipients = session->recipients,
        .recipients_count = session->recipients_count,
        .helo = session->helo,
        .protocol = session->esmtp ? SLICE("ESMTP") : SLICE("SMTP"),
        .peer = session->peer,
        .attributes = session->attributes,
        .attributes_count = session->attributes_count,
        .chunked = session->chunked,
    };

    if (!session->chunked && session->framing.violation != FRAMING_FINE) {
        say(session, "550 5.6.0 Message has a bare CR, a bare LF or a NUL\r\n");
    } else if (is_too_large(session)) {
        say(session, "552 5.3.4 Message size exceeds the limit\r\n");
    } else if (sink_delivery_end(&session->delivery, session->sink, &envelope)) {
        session->delivering = false;
        stream_write(session->stream, arena_printf(session->transaction, "250 2.0.0 Ok: %s%s\r\n",
                                                   session->sink->settings.discard ? "thrown away" : "kept as ",
                                                   session->delivery.name));
    } else {
        say(session, "451 4.3.0 Message could not be kept\r\n");
    }
    end_transaction(session);
    session->input = INPUT_COMMANDS;
}

static void advance_data(struct sink_session *session, struct slice input)
{
    size_t used;
    bool ended = framing_read(&session->framing, input, take_content, session, &used);

    stream_consume(session->stream, used);
    if (ended)
        end_message(session);
}

static void advance_chunk(struct sink_session *session, struct slice input)
{
    struct slice bytes = slice_first(input, session->chunk < input.length ? (size_t)session->chunk : input.length);

    if (!session->refused)
        take_content(session, bytes);
    session->chunk -= bytes.length;
    stream_consume(session->stream, bytes.length);
    if (session->chunk > 0)
        return;
    session->input = INPUT_COMMANDS;
    if (session->refused)
        say(session, "503 5.5.1 No recipients\r\n");
    else if (session->last)
        end_message(session);
    else
        say(session, "250 2.0.0 Ok\r\n");
}

/* ---- moving */

static void advance_line(struct sink_session *session, struct slice input)
{
    struct slice line;
    size_t used;

    switch (framing_line(input, COMMAND_LINE_MOST, &line, &used)) {
    case LINE_NONE:
        return;
    case LINE_COMPLETE:
        if (session->input == INPUT_BAD_LINE)
            session->input = INPUT_COMMANDS;
        else
            do_line(session, line);
        break;
    case LINE_TOO_LONG:
    case LINE_BARE:
        if (session->input != INPUT_BAD_LINE)
            say(session, "500 5.5.2 Line too long, or without CRLF\r\n");
        session->input = used >= 2 && input.text[used - 1] == '\n' &&
            input.text[used - 2] == '\r' ? INPUT_COMMANDS : INPUT_BAD_LINE;
        break;
    }
    stream_consume(session->stream, used);
}

/* One step over what is there; false: nothing more to do now. */
static bool advance(struct sink_session *session)
{
    size_t before = stream_input_length(session->stream);
    struct slice input = stream_peek(session->stream, STREAM_INPUT_MOST);
    enum input mode = session->input;

    if (stream_unsent(session->stream) > OUTPUT_MOST)
        return false;
    switch (mode) {
    case INPUT_COMMANDS:
    case INPUT_BAD_LINE:
        if (before > 0)
            advance_line(session, input);
        break;
    case INPUT_DATA:
        if (before > 0)
            advance_data(session, input);
        break;
    case INPUT_CHUNK:
        advance_chunk(session, input);
        break;
    case INPUT_END:
        return false;
    }
    return stream_input_length(session->stream) != before || session->input != mode;
}

static void session_free(struct sink_session *session)
{
    end_transaction(session);
    if (session->next != NULL)
        session->next->previous = session->previous;
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        session->sink->sessions = session->next;
    stream_free(&session->stream);
    event_free(session->timer);
    event_free(session->again);
    arena_free(&session->arena);
    arena_free(&session->greeting);
    arena_free(&session->transaction);
    free(session);
}

static void session_settle(struct sink_session *session, bool more)
{
    enum stream_state state = stream_state(session->stream);
    struct timeval idle = { .tv_sec = (time_t)session->sink->settings.idle_seconds };

    if (session->input == INPUT_END) {
        stream_close_gracefully(&session->stream, 5);
        session_free(session);
    } else if (!more && (state == STREAM_ENDED || state == STREAM_BROKEN)) {
        session_free(session);
    } else {
        event_add(session->timer, &idle);
        if (more)
            event_active(session->again, EV_TIMEOUT, 0);
    }
}

static void session_advance(struct sink_session *session)
{
    int steps = 0;

    while (steps < STEPS_MOST && advance(session))
        steps++;
    session_settle(session, steps == STEPS_MOST);
}

static void on_stream(void *context)
{
    session_advance(context);
}

static void on_again(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor, (void)what;
    session_advance(context);
}

static void on_timer(evutil_socket_t descriptor, short what, void *context)
{
    struct sink_session *session = context;

    (void)descriptor, (void)what;
    say(session, "421 4.4.2 Idle for too long\r\n");
    session->input = INPUT_END;
    session_settle(session, false);
}

void sink_session_new(struct sink *sink, int descriptor, struct slice peer)
{
    struct sink_session *session = memory_zeroed(1, sizeof(*session));

    session->sink = sink;
    session->arena = arena_new();
    session->greeting = arena_new();
    session->transaction = arena_new();
    session->peer = arena_copy(session->arena, peer);
    session->delivery.file = -1;
    session->timer = event_new(sink->base, -1, 0, on_timer, session);
    session->again = event_new(sink->base, -1, 0, on_again, session);
    session->stream = stream_accept(sink->base, descriptor, on_stream, session);
    if (session->timer == NULL || session->again == NULL || session->stream == NULL)
        bug("event_new");
    session->next = sink->sessions;
    if (session->next != NULL)
        session->next->previous = session;
    sink->sessions = session;
    greet(session);
    session_settle(session, false);
}

void sink_sessions_free(struct sink *sink)
{
    for (struct sink_session *session = sink->sessions, *next; session != NULL; session = next) {
        next = session->next;
        session_free(session);
    }
}
