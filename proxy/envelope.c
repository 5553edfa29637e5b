/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * envelope.c: one row a parameter: its keyword, the extension it belongs to, and who reads its value. RFC 5321
 * 4.1.1.11: 555 for a parameter that is not known here, 501 for a value that is not by its grammar.
 */
#include "proxy/envelope.h"

#include "proxy/backend.h"

static const struct envelope_problem unknown_parameter = {
    555, "5.5.4", "a parameter after the address is not known here",
};

/* Each says what is wrong with the value, or NULL. */

static const char *read_size(struct slice value, struct envelope_mail *mail)
{
    return command_parse_size(value, &mail->size) ? NULL : "SIZE= takes a number of bytes";
}

static const char *read_body(struct slice value, struct envelope_mail *mail)
{
    mail->body_8bit = slice_equal_nocase(value, SLICE("8BITMIME"));
    return mail->body_8bit || slice_equal_nocase(value, SLICE("7BIT")) ? NULL : "BODY= takes 7BIT or 8BITMIME";
}

static int hexadecimal(char c)
{
    return ascii_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/*
 * RFC 3461 4: xtext, and what it stands for must be "printable (graphic and white space)" ASCII (4.2, 4.4), hence the
 * tab: it is written into the header of a delivery report, where a line end would begin another field. With `utf8`
 * UTF-8 may stand for itself.
 */
static bool is_xtext(struct slice text, bool utf8)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.text[i];
        if (byte == '+') {
            int high = i + 2 < text.length ? hexadecimal(text.text[i + 1]) : -1;
            int low = i + 2 < text.length ? hexadecimal(text.text[i + 2]) : -1;
            int value = high < 0 || low < 0 ? 0 : high * 16 + low;
            if (value != '\t' && (value < ' ' || value > '~'))
                return false;
            i += 2;
        } else if (byte <= ' ' || byte == '=' || byte == 0x7F || (byte > 0x7F && !utf8)) {
            return false;
        }
    }
    return true;
}

/* RFC 3461 4.3. */
static const char *read_ret(struct slice value, struct envelope_mail *mail)
{
    mail->ret = value;
    return slice_equal_nocase(value, SLICE("FULL")) || slice_equal_nocase(value, SLICE("HDRS"))
               ? NULL : "RET= takes FULL or HDRS";
}

/* RFC 3461 4.4. */
static const char *read_envid(struct slice value, struct envelope_mail *mail)
{
    mail->envid = value;
    return value.length > 0 && value.length <= ENVELOPE_ENVID_MOST && is_xtext(value, false)
               ? NULL : "ENVID= takes up to 100 characters of xtext (RFC 3461 4)";
}

/* RFC 4954 5: xtext of a mailbox, or of "<>". */
static const char *read_auth(struct slice value, struct envelope_mail *mail)
{
    char plain[ENVELOPE_AUTH_MOST];
    size_t length = 0;

    mail->auth = value;
    if (value.length + sizeof(" AUTH=") - 1 > sizeof(plain) || !is_xtext(value, false))
        return "AUTH= takes a mailbox or <> as xtext (RFC 4954 5), 494 characters at most";
    for (size_t i = 0; i < value.length; i++) {
        bool escaped = value.text[i] == '+';
        plain[length++] = !escaped ? value.text[i]
                                   : (char)(hexadecimal(value.text[i + 1]) * 16 + hexadecimal(value.text[i + 2]));
        i += escaped ? 2 : 0;
    }
    if (!slice_equal(slice_of(plain, length), SLICE("<>")) && !command_is_mailbox(slice_of(plain, length)))
        return "AUTH= stands for something that is neither a mailbox nor <> (RFC 4954 5)";
    return NULL;
}

/* RFC 6531 3.4. */
static const char *read_smtputf8(struct slice value, struct envelope_mail *mail)
{
    mail->smtputf8 = true;
    return value.text == NULL ? NULL : "SMTPUTF8 takes no value";
}

/* RFC 8689 2. */
static const char *read_requiretls(struct slice value, struct envelope_mail *mail)
{
    mail->requiretls = true;
    return value.text == NULL ? NULL : "REQUIRETLS takes no value";
}

static const struct mail_parameter {
    const char *keyword;
    unsigned extension;            /* 0: mxward's own, offered always */
    const char *(*read)(struct slice value, struct envelope_mail *mail);
} mail_parameters[] = {
    { "SIZE", 0, read_size },
    { "BODY", BACKEND_8BITMIME, read_body },
    { "SMTPUTF8", BACKEND_SMTPUTF8, read_smtputf8 },
    { "REQUIRETLS", BACKEND_REQUIRETLS, read_requiretls },
    { "RET", BACKEND_DSN, read_ret },
    { "ENVID", BACKEND_DSN, read_envid },
    { "AUTH", BACKEND_AUTH, read_auth },
};

static const struct mail_parameter *find_mail_parameter(struct slice keyword, unsigned offered)
{
    for (size_t i = 0; i < sizeof mail_parameters / sizeof mail_parameters[0]; i++)
        if (slice_equal_nocase(keyword, slice_of_string(mail_parameters[i].keyword)))
            return (mail_parameters[i].extension & ~offered) == 0 ? &mail_parameters[i] : NULL;
    return NULL;
}

bool envelope_read_mail(const struct command *command, unsigned offered, struct envelope_mail *mail_out,
                        struct envelope_problem *problem_out)
{
    *mail_out = (struct envelope_mail){ 0 };
    for (size_t i = 0; i < command->parameters_count; i++) {
        const struct command_parameter *given = &command->parameters[i];
        const struct mail_parameter *known = find_mail_parameter(given->keyword, offered);
        *problem_out = unknown_parameter;
        if (known == NULL)
            return false;
        *problem_out = (struct envelope_problem){ 501, "5.5.4", known->read(given->value, mail_out) };
        if (problem_out->text != NULL)
            return false;
    }
    /* RFC 6531 3.5. */
    *problem_out = (struct envelope_problem){
        550, "5.6.7", "the sender's address has characters outside ASCII, and MAIL did not say SMTPUTF8",
    };
    return mail_out->smtputf8 || !command->path.international;
}

/* RFC 3461 4.1: NEVER, or SUCCESS, FAILURE and DELAY between commas. */
static bool is_notify(struct slice value)
{
    if (value.length == 0 || value.length > ENVELOPE_NOTIFY_MOST)
        return false;
    if (slice_equal_nocase(value, SLICE("NEVER")))
        return true;
    while (value.text != NULL) {
        struct slice word = slice_cut(&value, ',');
        if (!slice_equal_nocase(word, SLICE("SUCCESS")) && !slice_equal_nocase(word, SLICE("FAILURE")) &&
            !slice_equal_nocase(word, SLICE("DELAY")))
            return false;
    }
    return true;
}

/* RFC 822 3.3: what an addr-type is made of. */
static bool is_atom(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (text.text[i] <= ' ' || text.text[i] > '~' || strchr("()<>@,;:\\\".[]", text.text[i]) != NULL)
            return false;
    return text.length > 0;
}

/* RFC 3461 4.2; an address of the type utf-8 may hold UTF-8 where the transaction may. */
static bool is_orcpt(struct slice value, bool smtputf8)
{
    struct slice rest = value, type = slice_cut(&rest, ';');
    bool utf8 = smtputf8 && slice_equal_nocase(type, SLICE("utf-8"));

    return value.length <= ENVELOPE_ORCPT_MOST && rest.text != NULL && is_atom(type) && is_xtext(rest, utf8);
}

/* False: *problem_out. */
static bool read_recipient_parameter(const struct command_parameter *given, unsigned offered, bool smtputf8,
                                     struct envelope_recipient *recipient, struct envelope_problem *problem_out)
{
    bool dsn = (offered & BACKEND_DSN) != 0;
    if (dsn && slice_equal_nocase(given->keyword, SLICE("NOTIFY"))) {
        *problem_out = (struct envelope_problem){
            501, "5.5.4", "NOTIFY= takes NEVER, or SUCCESS, FAILURE and DELAY between commas",
        };
        recipient->notify = given->value;
        return is_notify(given->value);
    }
    if (dsn && slice_equal_nocase(given->keyword, SLICE("ORCPT"))) {
        *problem_out = (struct envelope_problem){
            501, "5.5.4", "ORCPT= takes type;address, up to 500 characters, the address as xtext (RFC 3461 4)",
        };
        recipient->orcpt = given->value;
        return is_orcpt(given->value, smtputf8);
    }
    *problem_out = unknown_parameter;
    return false;
}

bool envelope_read_recipient(const struct command *command, unsigned offered, bool smtputf8,
                             struct envelope_recipient *recipient_out, struct envelope_problem *problem_out)
{
    *recipient_out = (struct envelope_recipient){ 0 };
    for (size_t i = 0; i < command->parameters_count; i++)
        if (!read_recipient_parameter(&command->parameters[i], offered, smtputf8, recipient_out, problem_out))
            return false;
    *problem_out = (struct envelope_problem){
        553, "5.6.7", "the recipient's address has characters outside ASCII, and MAIL did not say SMTPUTF8",
    };
    return smtputf8 || !command->path.international;
}

/* " KEYWORD=value" behind `text` where there is a value. */
static struct slice with_value(struct slice text, const char *keyword, struct slice value, struct arena *arena)
{
    return value.text == NULL ? text : arena_printf(arena, "%.*s %s=%.*s", SLICE_ARG(text), keyword, SLICE_ARG(value));
}

struct slice envelope_mail_text(const struct envelope_mail *mail, struct arena *arena)
{
    struct slice text = SLICE("");
    if (mail->size > 0)
        text = arena_printf(arena, " SIZE=%llu", (unsigned long long)mail->size);
    if (mail->body_8bit)
        text = arena_printf(arena, "%.*s BODY=8BITMIME", SLICE_ARG(text));
    if (mail->smtputf8)
        text = arena_printf(arena, "%.*s SMTPUTF8", SLICE_ARG(text));
    if (mail->requiretls)
        text = arena_printf(arena, "%.*s REQUIRETLS", SLICE_ARG(text));
    text = with_value(text, "RET", mail->ret, arena);
    text = with_value(text, "ENVID", mail->envid, arena);
    return slice_trim(with_value(text, "AUTH", mail->auth, arena));
}

struct slice envelope_recipient_text(const struct envelope_recipient *recipient, struct arena *arena)
{
    struct slice text = with_value(SLICE(""), "NOTIFY", recipient->notify, arena);
    return slice_trim(with_value(text, "ORCPT", recipient->orcpt, arena));
}

unsigned envelope_mail_needs(const struct envelope_mail *mail)
{
    bool dsn = mail->ret.text != NULL || mail->envid.text != NULL;
    return (mail->body_8bit ? BACKEND_8BITMIME : 0U) | (mail->smtputf8 ? BACKEND_SMTPUTF8 : 0U) |
           (dsn ? BACKEND_DSN : 0U) | (mail->auth.text != NULL ? BACKEND_AUTH : 0U) |
           (mail->requiretls ? BACKEND_REQUIRETLS : 0U);
}

unsigned envelope_recipient_needs(const struct envelope_recipient *recipient)
{
    return recipient->notify.text != NULL || recipient->orcpt.text != NULL ? BACKEND_DSN : 0U;
}
