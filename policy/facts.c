/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts.c: facts as bytes for a frame, and back. The worker bounds every text before it becomes a fact; the judge
 * bounds it again.
 */
#include "policy/facts.h"

#include "policy/wire.h"

static void encode_recipient(const struct facts_recipient *recipient, struct wire_writer *writer)
{
    wire_put_slice(writer, recipient->path);
    wire_put_slice(writer, recipient->local_part);
    wire_put_slice(writer, recipient->domain);
}

static void encode_certificate(const struct facts_certificate *certificate, struct wire_writer *writer)
{
    wire_put_bool(writer, certificate->given);
    wire_put_bool(writer, certificate->verified);
    wire_put_slice(writer, certificate->subject);
    wire_put_slice(writer, certificate->issuer);
    wire_put_slice(writer, certificate->fingerprint);
    wire_put_slice(writer, certificate->problem);
}

static void encode_origin(const struct facts *facts, struct wire_writer *writer)
{
    wire_put_address(writer, &facts->via);
    wire_put_u8(writer, facts->told.state);
    wire_put_slice(writer, facts->told.name);
    wire_put_slice(writer, facts->told.reverse_name);
    wire_put_bool(writer, facts->early);
}

static void encode_session(const struct facts *facts, struct wire_writer *writer)
{
    wire_put_slice(writer, facts->id);
    wire_put_i64(writer, facts->arrival);
    wire_put_slice(writer, facts->hostname);
    wire_put_slice(writer, facts->authserv_id);
    wire_put_slice(writer, facts->listener);
    wire_put_address(writer, &facts->client_address);
    wire_put_u16(writer, facts->client_port);
    wire_put_address(writer, &facts->local_address);
    wire_put_u16(writer, facts->local_port);
    encode_origin(facts, writer);
    wire_put_bool(writer, facts->has_helo);
    wire_put_slice(writer, facts->helo);
    wire_put_bool(writer, facts->esmtp);
    wire_put_bool(writer, facts->tls);
    wire_put_bool(writer, facts->tls_implicit);
    wire_put_slice(writer, facts->tls_version);
    wire_put_slice(writer, facts->tls_cipher);
    wire_put_u16(writer, facts->tls_bits);
    wire_put_slice(writer, facts->tls_server_name);
    wire_put_bool(writer, facts->tls_resumed);
    encode_certificate(&facts->tls_client, writer);
    wire_put_bool(writer, facts->submission);
    wire_put_bool(writer, facts->authenticated);
    wire_put_slice(writer, facts->auth_mechanism);
    wire_put_slice(writer, facts->auth_user);
    wire_put_slice(writer, facts->auth_identity);
}

void facts_encode(const struct facts *facts, struct wire_writer *writer)
{
    encode_session(facts, writer);
    wire_put_bool(writer, facts->has_mail);
    wire_put_slice(writer, facts->sender);
    wire_put_slice(writer, facts->sender_local_part);
    wire_put_slice(writer, facts->sender_domain);
    wire_put_u64(writer, facts->declared_size);
    wire_put_bool(writer, facts->body_8bit);
    wire_put_bool(writer, facts->smtputf8);
    wire_put_bool(writer, facts->requiretls);
    wire_put_u32(writer, (uint32_t)facts->recipients_count);
    for (size_t i = 0; i < facts->recipients_count; i++)
        encode_recipient(&facts->recipients[i], writer);
    wire_put_u64(writer, facts->message_size);
    wire_put_bool(writer, facts->add_received);
    wire_put_bool(writer, facts->record_subject);
    wire_put_bool(writer, facts->client_name_wanted);
    wire_put_u32(writer, facts->signatures_most);
    wire_put_u32(writer, facts->fields_most);
    wire_put_u32(writer, facts->hops_most);
}

static void decode_certificate(struct wire_reader *reader, struct facts_certificate *certificate)
{
    certificate->given = wire_get_bool(reader);
    certificate->verified = wire_get_bool(reader);
    certificate->subject = wire_get_slice(reader, FACTS_TEXT_MOST);
    certificate->issuer = wire_get_slice(reader, FACTS_TEXT_MOST);
    certificate->fingerprint = wire_get_slice(reader, FACTS_TEXT_MOST);
    certificate->problem = wire_get_slice(reader, FACTS_TEXT_MOST);
}

static void decode_origin(struct wire_reader *reader, struct facts *facts)
{
    facts->via = wire_get_address(reader);
    facts->told.state = (enum facts_told)wire_get_enum(reader, FACTS_TOLD_TEMPORARY);
    facts->told.name = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->told.reverse_name = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->early = wire_get_bool(reader);
}

static void decode_session(struct wire_reader *reader, struct facts *facts)
{
    facts->id = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->arrival = wire_get_i64(reader);
    facts->hostname = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->authserv_id = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->listener = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->client_address = wire_get_address(reader);
    facts->client_port = (uint16_t)wire_get_u16(reader);
    facts->local_address = wire_get_address(reader);
    facts->local_port = (uint16_t)wire_get_u16(reader);
    decode_origin(reader, facts);
    facts->has_helo = wire_get_bool(reader);
    facts->helo = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->esmtp = wire_get_bool(reader);
    facts->tls = wire_get_bool(reader);
    facts->tls_implicit = wire_get_bool(reader);
    facts->tls_version = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->tls_cipher = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->tls_bits = (uint16_t)wire_get_u16(reader);
    facts->tls_server_name = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->tls_resumed = wire_get_bool(reader);
    decode_certificate(reader, &facts->tls_client);
    facts->submission = wire_get_bool(reader);
    facts->authenticated = wire_get_bool(reader);
    facts->auth_mechanism = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->auth_user = wire_get_slice(reader, FACTS_TEXT_MOST);
    facts->auth_identity = wire_get_slice(reader, FACTS_TEXT_MOST);
}

static void decode_recipients(struct wire_reader *reader, struct arena *arena, struct facts *facts)
{
    facts->recipients_count = wire_get_count(reader, FACTS_RECIPIENTS_MOST);
    facts->recipients = arena_array(arena, facts->recipients_count, sizeof *facts->recipients);
    for (size_t i = 0; i < facts->recipients_count && !reader->failed; i++) {
        struct facts_recipient *recipient = &facts->recipients[i];
        recipient->path = wire_get_slice(reader, FACTS_PATH_MOST);
        recipient->local_part = wire_get_slice(reader, FACTS_PATH_MOST);
        recipient->domain = wire_get_slice(reader, FACTS_PATH_MOST);
    }
}

bool facts_decode(struct wire_reader *reader, struct arena *arena, struct facts *facts_out)
{
    *facts_out = (struct facts){ 0 };
    decode_session(reader, facts_out);
    facts_out->has_mail = wire_get_bool(reader);
    facts_out->sender = wire_get_slice(reader, FACTS_PATH_MOST);
    facts_out->sender_local_part = wire_get_slice(reader, FACTS_PATH_MOST);
    facts_out->sender_domain = wire_get_slice(reader, FACTS_PATH_MOST);
    facts_out->declared_size = wire_get_u64(reader);
    facts_out->body_8bit = wire_get_bool(reader);
    facts_out->smtputf8 = wire_get_bool(reader);
    facts_out->requiretls = wire_get_bool(reader);
    decode_recipients(reader, arena, facts_out);
    facts_out->message_size = wire_get_u64(reader);
    facts_out->add_received = wire_get_bool(reader);
    facts_out->record_subject = wire_get_bool(reader);
    facts_out->client_name_wanted = wire_get_bool(reader);
    facts_out->signatures_most = wire_get_u32(reader);
    facts_out->fields_most = wire_get_u32(reader);
    facts_out->hops_most = wire_get_u32(reader);
    return !reader->failed;
}
