/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.c: command lines by the grammar of RFC 5321 4.1.2 and 4.1.3, read from left to right without a step back;
 * each part takes what is its own from the front of `rest` or says what is wrong with it. Nothing is allocated; what
 * comes out points into the line.
 *
 *   mail    = "MAIL FROM:" *SP Reverse-path *( 1*SP esmtp-param )        rcpt the same with "RCPT TO:" and Forward-path
 *   path    = "<" [ A-d-l ":" ] ( Mailbox / "Postmaster" ) ">"           or "<>" of MAIL
 */
#include "proxy/command.h"

#include "policy/host_name.h"

static const struct verb {
    const char *name;
    enum command_verb verb;
    enum { ARGUMENT_NONE, ARGUMENT_ANY, ARGUMENT_NEEDED, ARGUMENT_HOST, ARGUMENT_PATH, ARGUMENT_CHUNK } argument;
} verbs[] = {
    { "HELO", COMMAND_HELO, ARGUMENT_HOST },
    { "EHLO", COMMAND_EHLO, ARGUMENT_HOST },
    { "MAIL", COMMAND_MAIL, ARGUMENT_PATH },
    { "RCPT", COMMAND_RCPT, ARGUMENT_PATH },
    { "DATA", COMMAND_DATA, ARGUMENT_NONE },
    { "RSET", COMMAND_RSET, ARGUMENT_NONE },
    { "NOOP", COMMAND_NOOP, ARGUMENT_ANY },
    { "VRFY", COMMAND_VRFY, ARGUMENT_NEEDED },
    { "HELP", COMMAND_HELP, ARGUMENT_ANY },
    { "QUIT", COMMAND_QUIT, ARGUMENT_NONE },
    { "STARTTLS", COMMAND_STARTTLS, ARGUMENT_NONE },
    { "BDAT", COMMAND_BDAT, ARGUMENT_CHUNK },
    { "AUTH", COMMAND_AUTH, ARGUMENT_ANY },
    { "XCLIENT", COMMAND_XCLIENT, ARGUMENT_ANY },
};

/* What the texts below are about: sender or recipient. */
struct path_kind {
    struct slice prefix;           /* "FROM:" */
    const char *enhanced;          /* of an address that does not fit the grammar */
    const char *prefix_problem;
    const char *bracket_problem;
    bool may_be_empty;
    bool may_be_postmaster;
};

static const struct path_kind sender_kind = {
    { "FROM:", 5 }, "5.1.7", "MAIL must go on with FROM: and an address, as in MAIL FROM:<user@example.org>",
    "the address must stand in angle brackets, as in MAIL FROM:<user@example.org>", true, false,
};
static const struct path_kind recipient_kind = {
    { "TO:", 3 }, "5.1.3", "RCPT must go on with TO: and an address, as in RCPT TO:<user@example.org>",
    "the address must stand in angle brackets, as in RCPT TO:<user@example.org>", false, true,
};

static bool is_alphanumeric(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c);
}

/* The command as text: NULL, or what is wrong with it. */
static const char *check_text(struct slice text)
{
    for (size_t length; text.length > 0; text = slice_from(text, length)) {
        length = text_utf8_length(text);
        if (length == 0)
            return "bytes that are not UTF-8 stand in the command";
        if (text_is_control(slice_first(text, length)))
            return "a control character stands in the command";
    }
    return NULL;
}

static bool is_all_ascii(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] >= 0x80)
            return false;
    return true;
}

/* RFC 5322 3.2.3, and UTF8-non-ascii (RFC 6531 3.3): the whole is known to be UTF-8. */
static bool is_atext(char c)
{
    return is_alphanumeric(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool begins(struct slice rest, char c)
{
    return rest.length > 0 && rest.text[0] == c;
}

static struct slice without_blanks_before(struct slice rest)
{
    while (begins(rest, ' '))
        rest = slice_from(rest, 1);
    return rest;
}

/* Takes the first `length` bytes of `rest`. */
static struct slice take(struct slice *rest, size_t length)
{
    struct slice taken = slice_first(*rest, length);

    *rest = slice_from(*rest, length);
    return taken;
}

/* Quoted-string; the opening quote is there. */
static const char *parse_quoted(struct slice *rest, struct slice *local_out)
{
    size_t at = 1;

    while (at < rest->length && rest->text[at] != '"') {
        if (rest->text[at] == '\\')
            at++;
        if (at < rest->length && (unsigned char)rest->text[at] >= 0x80 && rest->text[at - 1] == '\\')
            return "a backslash in the local part of the address stands before a character outside ASCII";
        at++;
    }
    if (at >= rest->length)
        return "the quoted local part of the address has no closing quote";
    *local_out = take(rest, at + 1);
    return NULL;
}

/* Dot-string = Atom *("." Atom). */
static const char *parse_dot_string(struct slice *rest, struct slice *local_out)
{
    size_t at = 0;
    struct slice local;

    while (at < rest->length && (is_atext(rest->text[at]) || rest->text[at] == '.'))
        at++;
    if (at == 0)
        return begins(*rest, '@') || begins(*rest, '>') || rest->length == 0
                   ? "the address has no local part"
                   : "the address has a character in its local part that may stand there only in quotes";
    local = take(rest, at);
    *local_out = local;
    while (local.text != NULL)
        if (slice_cut(&local, '.').length == 0)
            return "the local part of the address begins or ends with a dot, or has two in a row";
    return NULL;
}

static const char *parse_local_part(struct slice *rest, struct slice *local_out)
{
    return begins(*rest, '"') ? parse_quoted(rest, local_out) : parse_dot_string(rest, local_out);
}

static const char *parse_literal(struct slice *rest, struct slice *domain_out)
{
    size_t end = slice_find(*rest, ']');

    if (end == rest->length)
        return "the address literal has no closing bracket";
    *domain_out = take(rest, end + 1);
    if (!host_name_is_literal(*domain_out, NULL))
        return "the address literal is neither IPv4, as in [192.0.2.1], nor IPv6, as in [IPv6:2001:db8::1]";
    return NULL;
}

static const char *parse_domain(struct slice *rest, struct slice *domain_out)
{
    size_t at = 0;

    if (begins(*rest, '['))
        return parse_literal(rest, domain_out);
    while (at < rest->length && strchr(">,: ", rest->text[at]) == NULL)
        at++;
    *domain_out = take(rest, at);
    if (at > HOST_NAME_MOST)
        return "the domain of the address is longer than 255 characters";
    if (!host_name_is_international(*domain_out))
        return "the domain of the address is not a domain name of letters, digits, hyphens and dots";
    return NULL;
}

/* A-d-l ":"; RFC 5321 4.1.1.3 and appendix C: it must be understood and should be ignored. */
static const char *skip_source_route(struct slice *rest)
{
    struct slice domain;

    while (begins(*rest, '@')) {
        take(rest, 1);
        if (begins(*rest, '[') || parse_domain(rest, &domain) != NULL)
            return "the source route has something other than a domain name";
        if (begins(*rest, ':')) {
            take(rest, 1);
            return NULL;
        }
        if (!begins(*rest, ','))
            break;
        take(rest, 1);
    }
    return "the source route must be @domain,@domain: and an address after it";
}

static const char *parse_mailbox(struct slice *rest, const struct path_kind *kind, bool routed,
                                 struct command_path *path)
{
    struct slice start = *rest;
    const char *problem = parse_local_part(rest, &path->local_part);

    if (problem != NULL)
        return problem;
    if (begins(*rest, '@')) {
        take(rest, 1);
        problem = parse_domain(rest, &path->domain);
        if (problem != NULL)
            return problem;
    } else if (!kind->may_be_postmaster || routed || !begins(*rest, '>') ||
               !slice_equal_nocase(path->local_part, SLICE("postmaster"))) {
        return begins(*rest, '>') || rest->length == 0
                   ? "the address has no domain"
                   : "the address has a character in its local part that may stand there only in quotes";
    }
    path->text = slice_first(start, start.length - rest->length);
    return NULL;
}

/* Path with its brackets, from the front of `rest`. */
static const char *parse_path(struct slice *rest, const struct path_kind *kind, struct command_path *path)
{
    struct slice start = *rest;
    bool routed;
    const char *problem = NULL;

    if (!begins(*rest, '<'))
        return kind->bracket_problem;
    take(rest, 1);
    *path = (struct command_path){ slice_first(*rest, 0), slice_first(*rest, 0), slice_first(*rest, 0), false };
    if (begins(*rest, '>') && !kind->may_be_empty)
        return "the address is empty";
    routed = begins(*rest, '@');
    if (routed)
        problem = skip_source_route(rest);
    if (problem == NULL && (routed || !begins(*rest, '>')))
        problem = parse_mailbox(rest, kind, routed, path);
    if (problem != NULL)
        return problem;
    if (!begins(*rest, '>'))
        return "the address does not end with a closing angle bracket";
    take(rest, 1);
    if (start.length - rest->length > COMMAND_PATH_MOST)
        return "the address is longer than 256 characters";
    path->international = !is_all_ascii(slice_first(start, start.length - rest->length));
    return NULL;
}

/* esmtp-keyword ["=" esmtp-value] */
static bool parse_parameter(struct slice text, struct command_parameter *parameter_out)
{
    size_t equals = slice_find(text, '=');
    struct slice keyword = slice_first(text, equals);
    struct slice value = equals < text.length ? slice_from(text, equals + 1) : SLICE_NONE;

    if (keyword.length == 0 || keyword.text[0] == '-')
        return false;
    for (size_t i = 0; i < keyword.length; i++)
        if (!is_alphanumeric(keyword.text[i]) && keyword.text[i] != '-')
            return false;
    if (value.text != NULL && (value.length == 0 || slice_find(value, '=') < value.length))
        return false;
    *parameter_out = (struct command_parameter){ keyword, value };
    return true;
}

static const char *parse_parameters(struct slice rest, struct command *command)
{
    for (rest = without_blanks_before(rest); rest.length > 0; rest = without_blanks_before(rest)) {
        struct command_parameter *parameter = &command->parameters[command->parameters_count];

        if (command->parameters_count == COMMAND_PARAMETERS_MOST)
            return "too many parameters after the address";
        if (!parse_parameter(take(&rest, slice_find(rest, ' ')), parameter))
            return "a parameter after the address must be KEYWORD or KEYWORD=value";
        for (size_t i = 0; i < command->parameters_count; i++)
            if (slice_equal_nocase(command->parameters[i].keyword, parameter->keyword))
                return "a parameter after the address is given twice";
        command->parameters_count++;
    }
    return NULL;
}

static const char *parse_path_argument(struct command *command, const struct path_kind *kind, const char **enhanced_out)
{
    struct slice rest = command->argument;
    const char *problem;

    if (!slice_starts_with_nocase(rest, kind->prefix))
        return kind->prefix_problem;
    rest = without_blanks_before(slice_from(rest, kind->prefix.length));
    problem = parse_path(&rest, kind, &command->path);
    if (problem == NULL && rest.length > 0 && !begins(rest, ' '))
        problem = "after the closing angle bracket a blank must stand before what follows";
    if (problem == NULL)
        return parse_parameters(rest, command);
    *enhanced_out = kind->enhanced;
    return problem;
}

/*
 * What stands for a host in HELO: any one word that the fields and logs it will be written to can hold. Clients call
 * themselves "host.", "MY_PC", "MACHINE$", "(none)" or "[2001:db8::1]", Postfix takes them all, and whether that is
 * good enough is a rule's business (helo.valid). A percent sign marks a template that was never filled in, and a
 * macro to SPF; no host has one.
 */
bool command_is_host_word(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] <= ' ' || text.text[i] > '~' || strchr("%<>,;\"\\", text.text[i]) != NULL)
            return false;
    return text.length > 0 && text.length <= HOST_NAME_MOST;
}

/*
 * ( Domain / address-literal ) and what else is taken for it. HELO is given literals too in practice. RFC 5321 4.1.1.1
 * asks to be prepared for a text after a literal: it is dropped.
 */
static const char *parse_host(struct command *command)
{
    struct slice first = slice_first(command->argument, slice_find(command->argument, ' '));

    if (first.length == 0)
        return "the name of the client's host must follow, as in EHLO mail.example.org";
    if (first.text[0] == '[')
        command->argument = first;
    if (!command_is_host_word(command->argument))
        return "what follows is not the name of a host: one word, as in EHLO mail.example.org";
    return NULL;
}

/* RFC 3030 2: chunk-size [ SP "LAST" ]. */
static const char *parse_chunk(struct command *command)
{
    struct slice rest = command->argument;

    if (!command_parse_size(take(&rest, slice_find(rest, ' ')), &command->chunk_size))
        return "the size of the chunk in bytes must follow, as in BDAT 1000 or BDAT 1000 LAST";
    rest = without_blanks_before(rest);
    command->chunk_last = slice_equal_nocase(rest, SLICE("LAST"));
    return rest.length == 0 || command->chunk_last ? NULL : "only LAST may follow the size of a chunk";
}

static const char *parse_argument(const struct verb *verb, struct command *command, const char **enhanced_out)
{
    const char *problem = check_text(command->argument);

    if (problem != NULL)
        return problem;
    if (verb->argument == ARGUMENT_PATH)
        return parse_path_argument(command, verb->verb == COMMAND_MAIL ? &sender_kind : &recipient_kind, enhanced_out);
    /* RFC 6531 3.7.4.2: what VRFY asks for may be outside ASCII. */
    if (verb->argument != ARGUMENT_NEEDED && !is_all_ascii(command->argument))
        return "a character outside ASCII stands in the command";
    switch (verb->argument) {
    case ARGUMENT_NONE:   return command->argument.length == 0 ? NULL : "the command takes no argument";
    case ARGUMENT_NEEDED: return command->argument.length > 0 ? NULL : "an argument must follow";
    case ARGUMENT_HOST:   return parse_host(command);
    case ARGUMENT_CHUNK:  return parse_chunk(command);
    case ARGUMENT_ANY:
    case ARGUMENT_PATH:   break;
    }
    return NULL;
}

enum command_status command_parse(struct slice line, struct command *command_out, const char **enhanced_out,
                                  const char **problem_out)
{
    size_t end;

    /* RFC 5321 4.1.1: blanks at the end are tolerated. */
    while (line.length > 0 && (line.text[line.length - 1] == ' ' || line.text[line.length - 1] == '\t'))
        line.length--;
    end = slice_find(line, ' ');
    *command_out = (struct command){ .verb = COMMAND_UNKNOWN };
    command_out->verb_text = slice_first(line, end);
    command_out->argument = without_blanks_before(slice_from(line, end));
    *enhanced_out = "5.5.2";
    *problem_out = "the command is not known";
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!slice_equal_nocase(command_out->verb_text, slice_of_string(verbs[i].name)))
            continue;
        command_out->verb = verbs[i].verb;
        *enhanced_out = "5.5.4";
        *problem_out = parse_argument(&verbs[i], command_out, enhanced_out);
        return *problem_out == NULL ? COMMAND_OK : COMMAND_SYNTAX;
    }
    return COMMAND_UNRECOGNISED;
}

bool command_may_be_chunk(struct slice line)
{
    while (line.length > 0 && !ascii_is_letter(line.text[0]))
        line = slice_from(line, 1);
    return slice_starts_with_nocase(line, SLICE("BDAT"));
}

const char *command_verb_name(enum command_verb verb)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (verbs[i].verb == verb)
            return verbs[i].name;
    return "unknown";
}

bool command_parse_size(struct slice value, uint64_t *size_out)
{
    unsigned long long size;

    if (value.length == 0 || value.length > 20)
        return false;
    for (size_t i = 0; i < value.length; i++)
        if (!ascii_is_digit(value.text[i]))
            return false;
    *size_out = slice_number(value, UINT64_MAX, &size) ? size : UINT64_MAX;
    return true;
}

bool command_is_mailbox(struct slice text)
{
    struct command_path path;
    struct slice rest = text;

    return check_text(text) == NULL && parse_mailbox(&rest, &sender_kind, true, &path) == NULL && rest.length == 0;
}
