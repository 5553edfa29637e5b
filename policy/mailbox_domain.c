/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailbox_domain.c: domain names as mail writes them, in one form: U-labels and A-labels of the same domain become
 * the same bytes (RFC 5890, by libidn2). libidn2 maps characters before it looks (UTS 46); of that only the case of
 * letters is let through: a reader must see the domain that is judged, so look-alikes of ASCII, dots that are no dots
 * and characters that vanish make a domain invalid.
 */
#include "policy/mailbox.h"

#include <idn2.h>

/* A label of 63 bytes as A-label has fewer characters than that; each has at most four bytes. */
#define U_LABEL_MOST 252
#define DOMAIN_MOST 253            /* RFC 1035 2.3.4, as text without the final dot */

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] > 127)
            return false;
    return true;
}

static const char *problem_of(int status)
{
    switch (status) {
    case IDN2_TOO_BIG_LABEL:
    case IDN2_TOO_BIG_DOMAIN:
    case IDN2_PUNYCODE_BIG_OUTPUT:
        return "a label is longer than 63 bytes";
    case IDN2_BIDI:
        return "a label breaks the rule of right-to-left scripts";
    case IDN2_2HYPHEN:
    case IDN2_HYPHEN_STARTEND:
        return "hyphens where no label has them";
    case IDN2_LEADING_COMBINING:
        return "a label begins with a combining character";
    case IDN2_UNASSIGNED:
        return "a label has an unassigned character";
    }
    return "a label has a character that no domain has";
}

/*
 * Whether `label` and what a program shows of its A-label are the same but for the case of letters outside ASCII: as
 * many characters, and none that became ASCII.
 */
static bool looks_alike(struct slice label, struct slice shown)
{
    while (label.length > 0 && shown.length > 0) {
        size_t length = text_utf8_length(label), shown_length = text_utf8_length(shown);
        bool is_same = length == shown_length && memcmp(label.text, shown.text, length) == 0;
        if (length == 0 || shown_length == 0 || (!is_same && (length == 1 || shown_length == 1)))
            return false;
        label = slice_from(label, length);
        shown = slice_from(shown, shown_length);
    }
    return label.length == shown.length;
}

/* A label outside ASCII, its ASCII letters lower already, as A-label. NULL, or what is wrong with it. */
static const char *convert_label(struct slice label, struct arena *arena, struct slice *converted_out)
{
    uint8_t *converted = NULL;
    char *shown = NULL;
    const char *problem = NULL;
    size_t bad;

    if (!text_is_utf8(label, &bad))
        return "bytes that are not UTF-8";
    if (label.length > U_LABEL_MOST)
        return problem_of(IDN2_TOO_BIG_LABEL);
    const char *text = arena_string(arena, label);
    int status = idn2_lookup_u8((const uint8_t *)text, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (status == IDN2_OK)
        status = idn2_to_unicode_8z8z((const char *)converted, &shown, 0);
    if (status != IDN2_OK)
        problem = problem_of(status);
    else if (strchr((const char *)converted, '.') != NULL || !looks_alike(label, slice_of_string(shown)))
        problem = "a label has characters that stand for others";
    else
        *converted_out = arena_copy(arena, slice_of_string((const char *)converted));
    idn2_free(converted);
    idn2_free(shown);
    return problem;
}

/* Letters, digits, hyphens, and the underscore that names of records have. */
static const char *check_label(struct slice label)
{
    if (label.length == 0)
        return "an empty label";
    if (label.length > LABEL_MOST)
        return problem_of(IDN2_TOO_BIG_LABEL);
    for (size_t i = 0; i < label.length; i++) {
        char c = label.text[i];
        if (!ascii_is_letter(c) && !ascii_is_digit(c) && c != '-' && c != '_')
            return problem_of(IDN2_DISALLOWED);
    }
    return NULL;
}

static const char *convert(struct slice lower, struct arena *arena, struct slice *domain_out)
{
    char text[DOMAIN_MOST + 1];
    size_t length = 0;

    while (lower.text != NULL) {
        struct slice label = slice_cut(&lower, '.');
        const char *problem = is_ascii(label) ? NULL : convert_label(label, arena, &label);
        if (problem == NULL)
            problem = check_label(label);
        if (problem != NULL)
            return problem;
        if (length + label.length + 1 > sizeof(text))
            return "it is longer than 253 bytes";
        memcpy(text + length, label.text, label.length);
        length += label.length;
        text[length++] = '.';
    }
    *domain_out = arena_copy(arena, slice_of(text, length - 1));
    return NULL;
}

const char *mailbox_domain_problem(struct slice text, struct arena *arena, struct slice *domain_out)
{
    if (text.length > 0 && text.text[text.length - 1] == '.')
        text.length--;
    /* As many labels as a domain can have, each as long as one can be. */
    if (text.length == 0)
        return "an empty label";
    if (text.length > (size_t)4 * DOMAIN_MOST)
        return "it is longer than 253 bytes";
    char *lower = arena_string(arena, text);
    for (size_t i = 0; i < text.length; i++)
        lower[i] = ascii_lower(lower[i]);
    return convert(slice_of(lower, text.length), arena, domain_out);
}

bool mailbox_domain(struct slice text, struct arena *arena, struct slice *domain_out)
{
    return mailbox_domain_problem(text, arena, domain_out) == NULL;
}

struct slice mailbox_domain_unicode(struct slice domain, struct arena *arena)
{
    struct slice shown, back;
    char *text = NULL;

    if (!is_ascii(domain) || idn2_to_unicode_8z8z(arena_string(arena, domain), &text, 0) != IDN2_OK)
        return SLICE_NONE;
    shown = arena_copy(arena, slice_of_string(text));
    idn2_free(text);
    /* An A-label that is none (RFC 5890 2.3.2.1) has no other form. */
    if (is_ascii(shown) || mailbox_domain_problem(shown, arena, &back) != NULL || !slice_equal(back, domain))
        return SLICE_NONE;
    return shown;
}
