/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_exchange.c: a response is decoded into one buffer, the name that it shows is copied out, and the buffer is
 * wiped. Nobody can be refused here: what does not read as its mechanism would have it shows no name, and the backend
 * judges it.
 */
#include "proxy/auth_exchange.h"

#include <string.h>

#include "rules/arena.h"

/* ---- grammar */

static struct slice without_blanks_before(struct slice text)
{
    while (text.length > 0 && text.text[0] == ' ')
        text = slice_from(text, 1);
    return text;
}

/* RFC 4422 3.1: upper case letters, digits, hyphen, underscore; RFC 4954 8: in any case. */
static bool is_mechanism(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!ascii_is_letter(name.text[i]) && !ascii_is_digit(name.text[i]) && name.text[i] != '-' &&
            name.text[i] != '_')
            return false;
    return name.length > 0 && name.length <= AUTH_MECHANISM_MOST;
}

bool auth_command_read(struct slice argument, struct auth_command *command_out)
{
    struct slice rest = argument;

    command_out->mechanism = slice_cut(&rest, ' ');
    command_out->initial = rest.text == NULL ? SLICE_NONE : without_blanks_before(rest);
    if (command_out->initial.text != NULL && slice_find(command_out->initial, ' ') < command_out->initial.length)
        return false;
    return is_mechanism(command_out->mechanism);
}

/* The six bits that a character stands for, or -1. */
static int bits_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t padding_of(struct slice text)
{
    if (text.length == 0 || text.text[text.length - 1] != '=')
        return 0;
    return text.text[text.length - 2] == '=' ? 2 : 1;
}

bool auth_is_base64(struct slice text)
{
    if (text.length % 4 != 0)
        return false;
    for (size_t i = 0, end = text.length - padding_of(text); i < end; i++)
        if (bits_of(text.text[i]) < 0)
            return false;
    return true;
}

bool auth_is_initial(struct slice text)
{
    return text.length > 0 && (slice_equal(text, SLICE("=")) || auth_is_base64(text));
}

bool auth_mechanism_passes(struct slice name)
{
    return is_mechanism(name) && !slice_ends_with_nocase(name, SLICE("-PLUS")) &&
           !slice_equal_nocase(name, SLICE("EXTERNAL"));
}

bool auth_mechanism_is_among(struct slice name, struct slice mechanisms)
{
    while (mechanisms.text != NULL)
        if (slice_equal_nocase(slice_cut(&mechanisms, ' '), name))
            return name.length > 0;
    return false;
}

/* ---- names */

static void take_name(struct auth_name *name, struct slice text)
{
    name->length = 0;
    if (text.length > sizeof name->text)
        return;
    for (size_t at = 0, length; at < text.length; at += length) {
        length = text_utf8_length(slice_from(text, at));
        if (length == 0 || text_is_control(slice_first(slice_from(text, at), length)))
            return;
    }
    if (text.length > 0)
        memcpy(name->text, text.text, text.length);
    name->length = text.length;
}

/* [authzid] NUL authcid NUL passwd */
static void read_plain(struct auth_exchange *exchange, struct slice response)
{
    struct slice identity = slice_cut(&response, '\0');
    struct slice user = response.text == NULL ? SLICE_NONE : slice_cut(&response, '\0');

    if (response.text == NULL)
        return;
    take_name(&exchange->user, user);
    take_name(&exchange->identity, identity);
}

/* name SP digest; the name may hold blanks. */
static void read_cram(struct auth_exchange *exchange, struct slice response)
{
    size_t at = response.length;

    while (at > 0 && response.text[at - 1] != ' ')
        at--;
    if (at > 0)
        take_name(&exchange->user, slice_first(response, at - 1));
}

static bool is_directive(struct slice key)
{
    for (size_t i = 0; i < key.length; i++)
        if (!ascii_is_letter(key.text[i]) && key.text[i] != '-')
            return false;
    return key.length > 0;
}

/* The rest behind the opening quote. */
static bool take_quoted(struct slice *rest, struct slice *value_out)
{
    for (size_t at = 0; at < rest->length; at++) {
        if (rest->text[at] == '\\') {
            at++;
        } else if (rest->text[at] == '"') {
            *value_out = slice_first(*rest, at);
            *rest = slice_from(*rest, at + 1);
            return slice_trim(slice_cut(rest, ',')).length == 0;
        }
    }
    return false;
}

/* Takes `key "=" ( token / quoted-string )` and the comma behind it; false: what is there is something else. */
static bool take_pair(struct slice *rest, struct slice *key_out, struct slice *value_out)
{
    if (slice_find(*rest, '=') == rest->length)
        return false;
    *key_out = slice_trim(slice_cut(rest, '='));
    *rest = without_blanks_before(*rest);
    if (slice_starts_with(*rest, SLICE("\""))) {
        *rest = slice_from(*rest, 1);
        return is_directive(*key_out) && take_quoted(rest, value_out);
    }
    *value_out = slice_trim(slice_cut(rest, ','));
    return is_directive(*key_out);
}

/* One that is given twice, or has escapes, shows none: another program might read another one. */
static void take_directive(struct auth_name *name, unsigned *seen, struct slice value)
{
    bool plain = ++*seen == 1 && slice_find(value, '\\') == value.length;

    take_name(name, plain ? value : SLICE_NONE);
}

/* RFC 2831 2.1.2: "username" exactly once, "authzid" at most once; no name is shown by what is not by its grammar. */
static void read_digest(struct auth_exchange *exchange, struct slice response)
{
    unsigned users = 0, identities = 0;
    struct slice key, value;

    while (response.text != NULL && take_pair(&response, &key, &value))
        if (slice_equal_nocase(key, SLICE("username")))
            take_directive(&exchange->user, &users, value);
        else if (slice_equal_nocase(key, SLICE("authzid")))
            take_directive(&exchange->identity, &identities, value);
    if (response.text != NULL)
        exchange->user.length = exchange->identity.length = 0;
}

/* RFC 5802 5.1: "=2C" is a comma and "=3D" an equals sign; with another escape it is no name. */
static void take_saslname(struct auth_name *name, struct slice text)
{
    char plain[AUTH_NAME_MOST];
    size_t length = 0;

    name->length = 0;
    for (; text.length > 0 && length < sizeof plain; length++) {
        bool escaped = text.text[0] == '=';

        plain[length] = text.text[0];
        if (escaped && slice_starts_with(text, SLICE("=2C")))
            plain[length] = ',';
        else if (escaped && !slice_starts_with(text, SLICE("=3D")))
            return;
        text = slice_from(text, escaped ? 3 : 1);
    }
    if (text.length == 0)
        take_name(name, slice_of(plain, length));
}

/*
 * gs2-header of RFC 5801 4: cbind-flag "," [ "a=" saslname ] ","; what follows stays in `rest`. The flag "p" is that of
 * the mechanisms that are not passed through.
 */
static bool take_gs2_header(struct slice *rest, struct slice *identity_out)
{
    struct slice flag = slice_cut(rest, ',');

    if (rest->text == NULL || (!slice_equal(flag, SLICE("n")) && !slice_equal(flag, SLICE("y"))))
        return false;
    *identity_out = slice_cut(rest, ',');
    if (slice_starts_with(*identity_out, SLICE("a=")))
        *identity_out = slice_from(*identity_out, 2);
    else if (identity_out->length > 0)
        return false;
    return rest->text != NULL;
}

/* gs2-header "n=" saslname "," ... */
static void read_scram(struct auth_exchange *exchange, struct slice response)
{
    struct slice identity, user;

    if (!take_gs2_header(&response, &identity))
        return;
    user = slice_cut(&response, ',');
    if (!slice_starts_with(user, SLICE("n=")))
        return;
    take_saslname(&exchange->user, slice_from(user, 2));
    take_saslname(&exchange->identity, identity);
}

/* Whether one of the pairs that ^A ends has that key. */
static bool has_pair(struct slice pairs, struct slice key)
{
    while (pairs.text != NULL)
        if (slice_starts_with_nocase(slice_cut(&pairs, '\001'), key))
            return true;
    return false;
}

/* gs2-header, ^A, and then a token that says nothing to us: the identity is all there is. */
static void read_oauth(struct auth_exchange *exchange, struct slice response)
{
    struct slice identity;

    if (take_gs2_header(&response, &identity) && slice_starts_with(response, SLICE("\001")) &&
        !has_pair(response, SLICE("user=")))
        take_saslname(&exchange->user, identity);
}

/* "user=" name ^A "auth=Bearer " token ^A ^A; a second name may be the one that the backend reads. */
static void read_xoauth2(struct auth_exchange *exchange, struct slice response)
{
    struct slice user = slice_cut(&response, '\001');

    if (response.text != NULL && slice_starts_with(user, SLICE("user=")) && !has_pair(response, SLICE("user=")))
        take_name(&exchange->user, slice_from(user, 5));
}

static void read_first(struct auth_exchange *exchange, struct slice response)
{
    switch (exchange->form) {
    case AUTH_FORM_UNKNOWN:
        return;
    case AUTH_FORM_PLAIN:
        read_plain(exchange, response);
        return;
    case AUTH_FORM_LOGIN:
        take_name(&exchange->user, response);
        return;
    case AUTH_FORM_CRAM:
        read_cram(exchange, response);
        return;
    case AUTH_FORM_DIGEST:
        read_digest(exchange, response);
        return;
    case AUTH_FORM_SCRAM:
        read_scram(exchange, response);
        return;
    case AUTH_FORM_OAUTH:
        read_oauth(exchange, response);
        return;
    case AUTH_FORM_XOAUTH2:
        read_xoauth2(exchange, response);
        return;
    }
}

/* ---- the exchange */

static const struct {
    const char *name;
    enum auth_form form;
} forms[] = {
    { "PLAIN", AUTH_FORM_PLAIN },
    { "LOGIN", AUTH_FORM_LOGIN },
    { "CRAM-MD5", AUTH_FORM_CRAM },
    { "DIGEST-MD5", AUTH_FORM_DIGEST },
    { "SCRAM-SHA-1", AUTH_FORM_SCRAM },
    { "SCRAM-SHA-224", AUTH_FORM_SCRAM },
    { "SCRAM-SHA-256", AUTH_FORM_SCRAM },
    { "SCRAM-SHA-384", AUTH_FORM_SCRAM },
    { "SCRAM-SHA-512", AUTH_FORM_SCRAM },
    { "OAUTHBEARER", AUTH_FORM_OAUTH },
    { "XOAUTH2", AUTH_FORM_XOAUTH2 },
};

void auth_exchange_begin(struct auth_exchange *exchange, struct slice mechanism)
{
    *exchange = (struct auth_exchange){ .mechanism_length = mechanism.length };
    if (mechanism.length > sizeof exchange->mechanism)
        bug("a mechanism of more than 20 characters");
    for (size_t i = 0; i < mechanism.length; i++) {
        char c = mechanism.text[i];
        exchange->mechanism[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (slice_equal_nocase(mechanism, slice_of_string(forms[i].name)))
            exchange->form = forms[i].form;
}

/* `text` is base64 of at most AUTH_LINE_MOST characters; the octets that it stands for. */
static size_t decode(struct slice text, char *bytes)
{
    size_t length = 0;

    for (size_t i = 0; i + 4 <= text.length; i += 4) {
        unsigned long group = 0;

        for (size_t j = 0; j < 4; j++) {
            int bits = bits_of(text.text[i + j]);
            group = group << 6 | (unsigned long)(bits < 0 ? 0 : bits);
        }
        bytes[length++] = (char)(group >> 16 & 0xFF);
        bytes[length++] = (char)(group >> 8 & 0xFF);
        bytes[length++] = (char)(group & 0xFF);
    }
    /* Base64 that is not empty stands for one octet at least; the analyzer cannot know that this is base64. */
    return length < 3 ? 0 : length - padding_of(text);
}

void auth_exchange_note(struct auth_exchange *exchange, struct slice response)
{
    char bytes[AUTH_LINE_MOST / 4 * 3];
    size_t length;

    /* The client's first word; of LOGIN the next is the password. Without an initial one it may be empty. */
    if (exchange->responses++ > 0 || exchange->form == AUTH_FORM_UNKNOWN)
        return;
    if (response.length > AUTH_LINE_MOST || !auth_is_base64(response))
        return;
    length = decode(response, bytes);
    read_first(exchange, slice_of(bytes, length));
    explicit_bzero(bytes, sizeof bytes);
}

bool auth_exchange_may_have_failed(const struct auth_exchange *exchange)
{
    return exchange->responses > 0 && (exchange->form == AUTH_FORM_OAUTH || exchange->form == AUTH_FORM_XOAUTH2);
}
