#include "ledger/cosignature.h"

#include "base/assert.h"
#include "ledger/note_internal.h"

enum { HASH_BASE64 = 44 };

_Static_assert(LEDGER_COSIGNATURE_BYTES == NOTE_SIGNATURE_BYTES_MAX, "time and signature");
_Static_assert((LEDGER_KEY_ID_BYTES + LEDGER_COSIGNATURE_BYTES + 2) / 3 * 4 == 104, "base64");
_Static_assert((MMR_HASH_BYTES + 2) / 3 * 4 == HASH_BASE64, "base64 of a hash");

enum lucid_error ledger_cosigner_skey_init(struct lucid_span name,
                                           const uint8_t seed[LEDGER_ED25519_SEED_BYTES],
                                           struct ledger_skey *ret_skey, struct lucid_why *why)
{
    return note_skey_init(LEDGER_KEY_COSIGNER, name, seed, ret_skey, why);
}

enum lucid_error ledger_cosigner_skey_parse(struct lucid_span text, struct ledger_skey *ret_skey,
                                            struct lucid_why *why)
{
    return note_skey_parse(LEDGER_KEY_COSIGNER, text, ret_skey, why);
}

/* What a cosignature of that time signs. Failure to grow is out's sticky error. */
static void message_write(uint64_t time_s, struct lucid_span text, struct lucid_buf *out)
{
    lucid_buf_str(out, "cosignature/v1\ntime ");
    lucid_buf_u64(out, time_s);
    lucid_buf_char(out, '\n');
    lucid_buf_span_put(out, text);
}

enum lucid_error ledger_cosignature_sign(const struct ledger_skey *cosigner, uint64_t time_s,
                                         struct lucid_span text, struct lucid_buf *out,
                                         struct lucid_why *why)
{
    size_t offset = 0;
    lucid_assert(cosigner->vkey.type == LEDGER_KEY_COSIGNER);
    if (time_s > LEDGER_COSIGNATURE_TIME_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "TIME_INVALID", NULL,
                            "a cosignature's time is below 2^63 seconds");
    }
    if (text.len > LEDGER_NOTE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "NOTE_TOO_LARGE", NULL,
                            "a note has at most %d bytes", LEDGER_NOTE_BYTES_MAX);
    }
    if (text.len == 0 || text.data[text.len - 1] != '\n' || !note_bytes_ok(text, &offset)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOTE_MALFORMED", NULL,
                            "a note's text is UTF-8 lines without control characters");
    }
    struct lucid_buf message = {.bytes_max = 0};
    uint8_t signature[LEDGER_COSIGNATURE_BYTES];
    message_write(time_s, text, &message);
    bool ok = lucid_buf_ok(&message);
    if (ok) {
        lucid_put_be64(signature, time_s);
        ledger_ed25519_sign(&cosigner->key, lucid_buf_span(&message), signature + 8);
        note_line_write(&cosigner->vkey, signature, sizeof(signature), out);
    }
    lucid_buf_fini(&message);
    return ok ? LUCID_OK : LUCID_RETRY_MEMORY;
}

enum lucid_error note_cosignature_verify(const struct note_line *line,
                                         const struct ledger_vkey *vkey, struct lucid_span text,
                                         uint64_t *ret_time_s)
{
    lucid_assert(vkey->type == LEDGER_KEY_COSIGNER);
    if (line->signature_len != LEDGER_COSIGNATURE_BYTES) {
        return LUCID_REFUSE_INVALID;
    }
    uint64_t time_s = lucid_get_be64(line->signature);
    if (time_s > LEDGER_COSIGNATURE_TIME_MAX) {
        return LUCID_REFUSE_INVALID;
    }
    struct lucid_buf message = {.bytes_max = 0};
    message_write(time_s, text, &message);
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (lucid_buf_ok(&message)) {
        bool good =
            ledger_ed25519_verify(vkey->public_key, lucid_buf_span(&message), line->signature + 8);
        error = good ? LUCID_OK : LUCID_REFUSE_INVALID;
    }
    lucid_buf_fini(&message);
    if (error == LUCID_OK) {
        *ret_time_s = time_s;
    }
    return error;
}

enum lucid_error ledger_cosignature_verify(struct lucid_span line, struct lucid_span text,
                                           const struct ledger_vkey *cosigner, uint64_t *ret_time_s,
                                           struct lucid_why *why)
{
    struct note_line parts;
    size_t offset = 0;
    lucid_assert(cosigner->type == LEDGER_KEY_COSIGNER);
    if (!note_bytes_ok(line, &offset) || !note_line_read(line, &parts)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "COSIGNATURE_MALFORMED", NULL,
                            "not a signature line");
    }
    if (!note_line_is_by(&parts, cosigner)) {
        return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "COSIGNATURE_UNKNOWN", NULL,
                            "the line is by another key");
    }
    enum lucid_error error = note_cosignature_verify(&parts, cosigner, text, ret_time_s);
    if (error == LUCID_REFUSE_INVALID) {
        return lucid_refuse(why, error, "SIGNATURE_INVALID", NULL,
                            "the cosignature by a known key does not verify");
    }
    return error;
}

void ledger_witness_request_write(const struct ledger_witness_request *request,
                                  struct lucid_buf *out)
{
    lucid_assert(request->proof_count <= LEDGER_WITNESS_PROOF_MAX);
    lucid_buf_str(out, "old ");
    lucid_buf_u64(out, request->old_size);
    lucid_buf_char(out, '\n');
    for (size_t i = 0; i < request->proof_count; i++) {
        lucid_buf_base64(out, request->proof[i].bytes, MMR_HASH_BYTES);
        lucid_buf_char(out, '\n');
    }
    lucid_buf_char(out, '\n');
    lucid_buf_span_put(out, request->checkpoint);
}

static enum lucid_error request_refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "REQUEST_MALFORMED", NULL, "%s", text);
}

static bool old_line_read(struct lucid_span line, uint64_t *ret_size)
{
    return line.len > 4 && memcmp(line.data, "old ", 4) == 0 &&
           note_decimal_read(lucid_span(line.data + 4, line.len - 4), ret_size);
}

enum lucid_error ledger_witness_request_parse(struct lucid_span body,
                                              struct ledger_witness_request *ret_request,
                                              struct lucid_why *why)
{
    struct ledger_witness_request request = {.proof_count = 0};
    struct lucid_span line;
    if (body.len > LEDGER_WITNESS_REQUEST_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "REQUEST_TOO_LARGE", NULL,
                            "the request has at most %d bytes", LEDGER_WITNESS_REQUEST_BYTES_MAX);
    }
    if (!note_cut(&body, '\n', &line) || !old_line_read(line, &request.old_size)) {
        return request_refuse(why, "the first line is not \"old \" and a size");
    }
    while (note_cut(&body, '\n', &line) && line.len > 0) {
        size_t len = 0;
        if (request.proof_count == LEDGER_WITNESS_PROOF_MAX) {
            return request_refuse(why, "more than 63 proof lines");
        }
        if (line.len != HASH_BASE64 ||
            !lucid_base64_decode(line, request.proof[request.proof_count].bytes, MMR_HASH_BYTES,
                                 &len) ||
            len != MMR_HASH_BYTES) {
            return request_refuse(why, "a proof line is not base64 of 32 bytes");
        }
        request.proof_count++;
    }
    if (line.len > 0 || body.len == 0) {
        return request_refuse(why, "no checkpoint after an empty line");
    }
    request.checkpoint = body;
    *ret_request = request;
    return LUCID_OK;
}

bool ledger_tlog_size_parse(struct lucid_span body, uint64_t *ret_size)
{
    return body.len > 1 && body.data[body.len - 1] == '\n' &&
           note_decimal_read(lucid_span(body.data, body.len - 1), ret_size);
}
