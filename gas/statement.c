#include "gas/statement.h"

#include "base/sha256.h"

void gas_sum_format(unsigned __int128 sum, char ret[GAS_SUM_TEXT_BYTES])
{
    char digits[GAS_SUM_TEXT_BYTES];
    size_t len = 0;
    do {
        digits[len++] = (char)('0' + (int)(sum % 10));
        sum /= 10;
    } while (sum > 0);
    for (size_t i = 0; i < len; i++) {
        ret[i] = digits[len - 1 - i];
    }
    ret[len] = '\0';
}

bool gas_sum_parse(struct lucid_span text, unsigned __int128 *ret)
{
    enum { DIGITS_MAX = 38 }; /* any number of so many digits fits */
    unsigned __int128 sum = 0;
    if (text.len == 0 || text.len > DIGITS_MAX || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *ret = sum;
    return true;
}

void gas_sum_member(struct lucid_buf *out, const char *name, unsigned __int128 sum)
{
    char text[GAS_SUM_TEXT_BYTES];
    gas_sum_format(sum, text);
    lucid_json_member_cstr(out, name, text);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void amount_if_any(struct lucid_buf *out, const char *name, uint64_t amount)
{
    if (amount > 0) {
        gas_amount_member(out, name, amount);
    }
}

static void line_write(const struct gas_statement_line *line, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    gas_amount_member(out, "amount", line->amount);
    amount_if_any(out, "brought", line->brought);
    amount_if_any(out, "carried", line->carried);
    gas_amount_member(out, "compute", line->compute);
    gas_amount_member(out, "model", line->model);
    lucid_json_member_str(out, "payee", line->payee);
    lucid_json_member_u64(out, "payments", line->payments);
    gas_amount_member(out, "released", line->released);
    amount_if_any(out, "reversed", line->reversed);
    lucid_buf_char(out, '}');
}

size_t gas_statement_line_bytes(const struct gas_statement_line *line)
{
    struct lucid_buf out;
    lucid_buf_init(&out, 0);
    line_write(line, &out);
    size_t len = lucid_buf_ok(&out) ? out.len + 1 : GAS_STATEMENT_BYTES_MAX;
    lucid_buf_fini(&out);
    return len;
}

static void lines_write(const struct gas_statement *statement, struct lucid_buf *out)
{
    lucid_json_member(out, "lines");
    lucid_buf_char(out, '[');
    for (size_t i = 0; i < statement->line_count; i++) {
        if (i > 0) {
            lucid_buf_char(out, ',');
        }
        line_write(&statement->lines[i], out);
    }
    lucid_buf_char(out, ']');
}

/* {"compute","model","protocol"?}: by leg. */
static void legs_write(struct lucid_buf *out, const char *name, unsigned __int128 compute,
                       unsigned __int128 model, const unsigned __int128 *protocol)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '{');
    gas_sum_member(out, "compute", compute);
    gas_sum_member(out, "model", model);
    if (protocol != NULL) {
        gas_sum_member(out, "protocol", *protocol);
    }
    lucid_buf_char(out, '}');
}

static void period_write(const struct gas_statement *statement, struct lucid_buf *out)
{
    lucid_json_member(out, "period");
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "first", statement->period_first);
    lucid_json_member_u64(out, "last", statement->period_last);
    lucid_buf_char(out, '}');
}

void gas_statement_write(const struct gas_statement *statement, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "epoch", statement->epoch);
    gas_sum_member(out, "gross", statement->gross);
    lucid_json_member_cstr(out, "issued_at", statement->issued_at);
    lines_write(statement, out);
    lucid_json_member_u64(out, "number", statement->number);
    lucid_json_member_str(out, "origin", statement->origin);
    lucid_json_member_u64(out, "part", statement->part);
    lucid_json_member_u64(out, "parts", statement->parts);
    lucid_json_member_u64(out, "payments", statement->payments);
    period_write(statement, out);
    if (statement->has_previous) {
        lucid_json_member_hex(out, "previous", statement->previous, sizeof(statement->previous));
    } else {
        lucid_json_member_null(out, "previous");
    }
    gas_sum_member(out, "protocol", statement->protocol);
    if (statement->reversed_compute != 0 || statement->reversed_model != 0 ||
        statement->reversed_protocol != 0) {
        legs_write(out, "reversed", statement->reversed_compute, statement->reversed_model,
                   &statement->reversed_protocol);
    }
    lucid_json_member_hex(out, "root", statement->root, sizeof(statement->root));
    legs_write(out, "suspense", statement->suspense_compute, statement->suspense_model, NULL);
    gas_sum_member(out, "total", statement->total);
    lucid_json_member_u64(out, "tree_size", statement->tree_size);
    lucid_json_member_cstr(out, "type", GAS_STATEMENT_TYPE);
    lucid_json_member_cstr(out, "unit", gas_unit_name(statement->unit));
    lucid_buf_char(out, '}');
}

/* --- signing ---------------------------------------------------------------------------------- */

enum { SIGNED_BYTES = sizeof(GAS_STATEMENT_TYPE) + GAS_STATEMENT_HASH_BYTES };

/* The type, a line end, the hash. */
static struct lucid_span signed_bytes(const uint8_t hash[GAS_STATEMENT_HASH_BYTES],
                                      uint8_t bytes[SIGNED_BYTES])
{
    size_t prefix = sizeof(GAS_STATEMENT_TYPE);
    memcpy(bytes, GAS_STATEMENT_TYPE "\n", prefix);
    memcpy(bytes + prefix, hash, GAS_STATEMENT_HASH_BYTES);
    return lucid_span(bytes, SIGNED_BYTES);
}

void gas_statement_hash(struct lucid_span jcs, uint8_t ret[GAS_STATEMENT_HASH_BYTES])
{
    lucid_sha256(jcs, ret);
}

void gas_statement_sign(const struct ledger_ed25519_key *key,
                        const uint8_t hash[GAS_STATEMENT_HASH_BYTES],
                        uint8_t ret_signature[LEDGER_ED25519_SIGNATURE_BYTES])
{
    uint8_t bytes[SIGNED_BYTES];
    ledger_ed25519_sign(key, signed_bytes(hash, bytes), ret_signature);
}

bool gas_statement_verify(const uint8_t service_key[LEDGER_ED25519_PUBLIC_BYTES],
                          const uint8_t hash[GAS_STATEMENT_HASH_BYTES],
                          const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES])
{
    uint8_t bytes[SIGNED_BYTES];
    return ledger_ed25519_verify(service_key, signed_bytes(hash, bytes), signature);
}

void gas_statement_document(const uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES],
                            struct lucid_span jcs, struct lucid_buf *out)
{
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "signature", signature, LEDGER_ED25519_SIGNATURE_BYTES);
    lucid_json_member(out, "statement");
    lucid_buf_span_put(out, jcs);
    lucid_buf_char(out, '}');
}
