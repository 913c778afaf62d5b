/* Envelopes from outside bytes, alone and in bundles: what was read stays the same when it is
 * written plainly; no key that did not sign is said to have; a level is what one builder can reach,
 * however often its word is given. Keys of builders, as configured, are read here too. */
#include "base/assert.h"
#include "plugins/passport/slsa/slsa.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 7515 A.3: nothing here is signed by it. */
static const char other_key[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
                                "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
                                "-----END PUBLIC KEY-----\n";

static bool any_signature(const uint8_t key[JOSE_ED25519_BYTES], struct lucid_span message,
                          const uint8_t signature[64], void *context)
{
    (void)key;
    (void)signature;
    (void)context;
    return message.len > 7 && memcmp(message.data, "DSSEv1 ", 7) == 0;
}

static void written_plainly(const struct slsa_envelope *envelope, struct lucid_arena *arena)
{
    struct lucid_buf text = {0};
    struct slsa_envelope again;
    lucid_buf_str(&text, "{\"payload\":\"");
    lucid_buf_base64(&text, envelope->payload.data, envelope->payload.len);
    lucid_buf_str(&text, "\",\"payloadType\":");
    lucid_json_string(&text, envelope->payload_type);
    lucid_buf_str(&text, ",\"signatures\":[");
    for (size_t i = 0; i < envelope->signature_count; i++) {
        lucid_buf_str(&text, i == 0 ? "{\"keyid\":" : ",{\"keyid\":");
        lucid_json_string(&text, envelope->signatures[i].keyid);
        lucid_buf_str(&text, ",\"sig\":\"");
        lucid_buf_base64(&text, envelope->signatures[i].sig.data, envelope->signatures[i].sig.len);
        lucid_buf_str(&text, "\"}");
    }
    lucid_buf_str(&text, "]}");
    if (text.len <= SLSA_ENVELOPE_BYTES_MAX) {
        lucid_assert(slsa_envelope_read(lucid_buf_span(&text), arena, &again, NULL) == LUCID_OK);
        lucid_assert(lucid_span_equal(again.payload, envelope->payload));
        lucid_assert(lucid_span_equal(again.payload_type, envelope->payload_type));
        lucid_assert(again.signature_count == envelope->signature_count);
        for (size_t i = 0; i < again.signature_count; i++) {
            lucid_assert(lucid_span_equal(again.signatures[i].sig, envelope->signatures[i].sig));
        }
    }
    lucid_buf_fini(&text);
}

static void signed_by_nobody(const struct slsa_envelope *envelope)
{
    struct jose_key key;
    struct lucid_buf pae = {0};
    lucid_assert(slsa_key_read(lucid_span_str(other_key), &key, NULL) == LUCID_OK);
    slsa_pae_write(envelope->payload_type, envelope->payload, &pae);
    lucid_assert(!slsa_envelope_signed(envelope, lucid_buf_span(&pae), &key, NULL, NULL));
    lucid_buf_fini(&pae);
}

static void appraised(struct lucid_span text, const struct slsa_envelope *envelope,
                      struct lucid_arena *arena)
{
    struct slsa_provenance provenance = {.subject_count = 0};
    struct slsa_result result;
    uint8_t container[LUCID_SHA256_BYTES] = {0};
    bool good = lucid_span_is(envelope->payload_type, SLSA_STATEMENT_TYPE) &&
                slsa_statement_read(envelope->payload, arena, &provenance, NULL) == LUCID_OK;
    if (good && provenance.subject_count > 0) {
        memcpy(container, provenance.subjects[0], sizeof(container));
    }
    struct slsa_builder builder = {.id = provenance.builder,
                                   .keys = {{.alg = JOSE_EDDSA}},
                                   .key_count = 1,
                                   .isolated = true,
                                   .sources = {provenance.source},
                                   .source_count = 1,
                                   .build_types = {provenance.build_type},
                                   .build_type_count = 1};
    struct slsa_builder two[] = {builder, builder};
    const struct slsa_builders builders = {.items = two, .count = 2};
    const struct lucid_span twice[] = {text, text};
    enum lucid_error e =
        slsa_appraise(twice, 2, container, &builders, arena, any_signature, NULL, &result, NULL);
    lucid_assert((e == LUCID_OK) == good);
    if (good) {
        lucid_assert(result.level <= 3);
        lucid_assert(result.has_provenance == (provenance.subject_count > 0));
        lucid_assert((result.builder.len > 0) == (result.level >= 2));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_arena arena;
    struct lucid_why why = {.code = NULL};
    struct slsa_envelope envelope;
    struct jose_key key = {.alg = JOSE_ES384};
    lucid_arena_init(&arena, 64U << 20);
    struct lucid_span text = lucid_span(data, size);
    if (slsa_envelope_read(text, &arena, &envelope, &why) == LUCID_OK) {
        lucid_assert(envelope.signature_count >= 1);
        lucid_assert(envelope.signature_count <= SLSA_SIGNATURES_MAX);
        written_plainly(&envelope, &arena);
        signed_by_nobody(&envelope);
        appraised(text, &envelope, &arena);
    } else {
        lucid_assert(strcmp(why.code, "INVALID_PROVENANCE") == 0);
    }
    if (slsa_key_read(text, &key, NULL) == LUCID_OK) {
        lucid_assert(key.alg == JOSE_EDDSA || key.alg == JOSE_ES256);
    } else {
        lucid_assert(key.alg == JOSE_ES384);
    }
    lucid_arena_fini(&arena);
    return 0;
}
