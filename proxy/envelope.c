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

/* RFC 6531 3.4. */
static const char *read_smtputf8(struct slice value, struct envelope_mail *mail)
{
    mail->smtputf8 = true;
    return value.text == NULL ? NULL : "SMTPUTF8 takes no value";
}

static const struct mail_parameter {
    const char *keyword;
    unsigned extension;            /* 0: mxward's own, offered always */
    const char *(*read)(struct slice value, struct envelope_mail *mail);
} mail_parameters[] = {
    { "SIZE", 0, read_size },
    { "BODY", BACKEND_8BITMIME, read_body },
    { "SMTPUTF8", BACKEND_SMTPUTF8, read_smtputf8 },
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

bool envelope_read_recipient(const struct command *command, bool smtputf8, struct envelope_problem *problem_out)
{
    *problem_out = unknown_parameter;
    if (command->parameters_count > 0)
        return false;
    *problem_out = (struct envelope_problem){
        553, "5.6.7", "the recipient's address has characters outside ASCII, and MAIL did not say SMTPUTF8",
    };
    return smtputf8 || !command->path.international;
}
