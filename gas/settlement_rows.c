/* The rows of the settlement kind as bytes; big-endian. */
#include "gas/settlement_internal.h"

enum { KEY_UNIT_BYTES = 1, KEY_NUMBER_BYTES = 8, SUM_BYTES = 16 };

/* --- numbers in a row ------------------------------------------------------------------------- */

static uint8_t *put_u32(uint8_t *at, uint32_t number)
{
    lucid_put_be32(at, number);
    return at + sizeof(number);
}

static uint8_t *put_u64(uint8_t *at, uint64_t number)
{
    lucid_put_be64(at, number);
    return at + sizeof(number);
}

static uint8_t *put_sum(uint8_t *at, unsigned __int128 sum)
{
    return put_u64(put_u64(at, (uint64_t)(sum >> 64)), (uint64_t)sum);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static uint32_t take_u32(const uint8_t **at)
{
    uint32_t number = lucid_get_be32(*at);
    *at += sizeof(number);
    return number;
}

static uint64_t take_u64(const uint8_t **at)
{
    uint64_t number = lucid_get_be64(*at);
    *at += sizeof(number);
    return number;
}

static unsigned __int128 take_sum(const uint8_t **at)
{
    unsigned __int128 high = take_u64(at);
    return high << 64 | take_u64(at);
}

static void take_bytes(const uint8_t **at, void *out, size_t len)
{
    memcpy(out, *at, len);
    *at += len;
}

/* --- keys ------------------------------------------------------------------------------------- */

struct lucid_span settlement_earning_key(enum gas_unit unit, struct lucid_span payee,
                                         uint8_t bytes[SETTLEMENT_KEY_BYTES])
{
    bytes[0] = (uint8_t)unit;
    if (payee.len > 0) {
        memcpy(bytes + KEY_UNIT_BYTES, payee.data, payee.len);
    }
    return lucid_span(bytes, KEY_UNIT_BYTES + payee.len);
}

struct lucid_span settlement_key(enum gas_unit unit, uint64_t number,
                                 uint8_t bytes[SETTLEMENT_KEY_BYTES])
{
    bytes[0] = (uint8_t)unit;
    lucid_put_be64(bytes + KEY_UNIT_BYTES, number);
    return lucid_span(bytes, KEY_UNIT_BYTES + KEY_NUMBER_BYTES);
}

struct lucid_span settlement_line_key(enum gas_unit unit, uint64_t number, struct lucid_span payee,
                                      uint8_t bytes[SETTLEMENT_KEY_BYTES])
{
    size_t len = settlement_key(unit, number, bytes).len;
    if (payee.len > 0) {
        memcpy(bytes + len, payee.data, payee.len);
    }
    return lucid_span(bytes, len + payee.len);
}

struct lucid_span settlement_payee_key(enum gas_unit unit, struct lucid_span payee, uint64_t number,
                                       uint8_t bytes[SETTLEMENT_KEY_BYTES])
{
    uint8_t *at = bytes + settlement_earning_key(unit, payee, bytes).len;
    *at++ = 0; /* no name has it: names that begin alike stay apart */
    at = put_u64(at, number);
    return lucid_span(bytes, (size_t)(at - bytes));
}

struct lucid_span settlement_payout_line_key(const struct gas_payout *payout,
                                             uint8_t bytes[SETTLEMENT_KEY_BYTES])
{
    struct lucid_span payee = lucid_span_str(payout->payee);
    uint8_t *at = bytes + settlement_line_key(payout->unit, payout->settlement, payee, bytes).len;
    *at++ = 0;
    at = put_u64(at, payout->number);
    return lucid_span(bytes, (size_t)(at - bytes));
}

static bool unit_ok(uint8_t unit)
{
    return unit >= GAS_LUCID && unit < GAS_LUCID + GAS_UNITS;
}

/* --- earnings --------------------------------------------------------------------------------- */

bool settlement_earning_is_news(const struct settlement_earning *earning)
{
    return earning->compute > 0 || earning->model > 0 || earning->released > 0 ||
           earning->reversed > 0;
}

void settlement_earning_line(const struct settlement_earning *earning, struct lucid_span payee,
                             struct gas_statement_line *ret)
{
    /* The payee's account took all of it: neither side is over GAS_AMOUNT_MAX twice. */
    unsigned __int128 earned =
        (unsigned __int128)earning->compute + earning->model + earning->released;
    unsigned __int128 owed = (unsigned __int128)earning->reversed + earning->brought;
    *ret = (struct gas_statement_line){
        .payee = payee,
        .amount = earned > owed ? (uint64_t)(earned - owed) : 0,
        .compute = earning->compute,
        .model = earning->model,
        .released = earning->released,
        .reversed = earning->reversed,
        .brought = earning->brought,
        .carried = owed > earned ? (uint64_t)(owed - earned) : 0,
        .payments = earning->payments,
    };
}

void settlement_earning_encode(const struct settlement_earning *earning,
                               uint8_t ret[SETTLEMENT_EARNING_BYTES])
{
    uint8_t *at = put_u64(ret, earning->compute);
    at = put_u64(at, earning->model);
    at = put_u64(at, earning->released);
    at = put_u64(at, earning->reversed);
    at = put_u64(at, earning->brought);
    at = put_u64(at, earning->payments);
    (void)put_u64(at, earning->last_payment);
}

enum lucid_error settlement_earning_parse(struct lucid_span value, struct settlement_earning *ret)
{
    if (value.len != SETTLEMENT_EARNING_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    const uint8_t *at = value.data;
    ret->compute = take_u64(&at);
    ret->model = take_u64(&at);
    ret->released = take_u64(&at);
    ret->reversed = take_u64(&at);
    ret->brought = take_u64(&at);
    ret->payments = take_u64(&at);
    ret->last_payment = take_u64(&at);
    return LUCID_OK;
}

void settlement_period_encode(const struct settlement_period *period,
                              uint8_t ret[SETTLEMENT_PERIOD_BYTES])
{
    uint8_t *at = put_sum(ret, period->protocol);
    at = put_sum(at, period->suspense_compute);
    at = put_sum(at, period->suspense_model);
    at = put_sum(at, period->reversed_protocol);
    at = put_sum(at, period->reversed_compute);
    at = put_sum(at, period->reversed_model);
    at = put_u64(at, period->payments);
    (void)put_u64(at, period->last_payment);
}

enum lucid_error settlement_period_parse(struct lucid_span value, struct settlement_period *ret)
{
    if (value.len != SETTLEMENT_PERIOD_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    const uint8_t *at = value.data;
    ret->protocol = take_sum(&at);
    ret->suspense_compute = take_sum(&at);
    ret->suspense_model = take_sum(&at);
    ret->reversed_protocol = take_sum(&at);
    ret->reversed_compute = take_sum(&at);
    ret->reversed_model = take_sum(&at);
    ret->payments = take_u64(&at);
    ret->last_payment = take_u64(&at);
    return LUCID_OK;
}

/* --- statements and lines --------------------------------------------------------------------- */

void settlement_encode(const struct gas_settlement *settlement, uint8_t ret[SETTLEMENT_ROW_BYTES])
{
    uint8_t *at = put_u64(ret, settlement->epoch);
    at = put_u32(at, settlement->part);
    at = put_u32(at, settlement->parts);
    at = put_u64(at, settlement->period_first);
    at = put_u64(at, settlement->period_last);
    at = put_u64(at, settlement->sequence);
    at = put_u64(at, settlement->issued_ms);
    at = put_bytes(at, settlement->hash, sizeof(settlement->hash));
    at = put_bytes(at, settlement->signature, sizeof(settlement->signature));
    at = put_u32(at, settlement->line_count);
    at = put_u32(at, settlement->lines_open);
    at = put_sum(at, settlement->total);
    at = put_sum(at, settlement->paid);
    at = put_u64(at, settlement->closed_sequence);
    (void)put_u64(at, settlement->closed_ms);
}

enum lucid_error settlement_parse(struct lucid_span key, struct lucid_span value,
                                  struct gas_settlement *ret)
{
    if (key.len != KEY_UNIT_BYTES + KEY_NUMBER_BYTES || !unit_ok(key.data[0]) ||
        value.len != SETTLEMENT_ROW_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    const uint8_t *at = value.data;
    ret->unit = (enum gas_unit)key.data[0];
    ret->number = lucid_get_be64(key.data + KEY_UNIT_BYTES);
    ret->epoch = take_u64(&at);
    ret->part = take_u32(&at);
    ret->parts = take_u32(&at);
    ret->period_first = take_u64(&at);
    ret->period_last = take_u64(&at);
    ret->sequence = take_u64(&at);
    ret->issued_ms = take_u64(&at);
    take_bytes(&at, ret->hash, sizeof(ret->hash));
    take_bytes(&at, ret->signature, sizeof(ret->signature));
    ret->line_count = take_u32(&at);
    ret->lines_open = take_u32(&at);
    ret->total = take_sum(&at);
    ret->paid = take_sum(&at);
    ret->closed_sequence = take_u64(&at);
    ret->closed_ms = take_u64(&at);
    return LUCID_OK;
}

void settlement_line_encode(const struct gas_settlement_line *line,
                            uint8_t ret[SETTLEMENT_LINE_BYTES])
{
    uint8_t *at = put_u64(ret, line->amount);
    at = put_u64(at, line->compute);
    at = put_u64(at, line->model);
    at = put_u64(at, line->released);
    at = put_u64(at, line->reversed);
    at = put_u64(at, line->brought);
    at = put_u64(at, line->carried);
    at = put_u64(at, line->payments);
    at = put_u64(at, line->paid);
    (void)put_u64(at, line->pending);
}

enum lucid_error settlement_line_parse(struct lucid_span key, struct lucid_span value,
                                       struct gas_settlement_line *ret)
{
    size_t fixed = KEY_UNIT_BYTES + KEY_NUMBER_BYTES;
    if (key.len <= fixed || key.len - fixed > GAS_NAME_BYTES_MAX || !unit_ok(key.data[0]) ||
        value.len != SETTLEMENT_LINE_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    const uint8_t *at = value.data;
    ret->unit = (enum gas_unit)key.data[0];
    ret->number = lucid_get_be64(key.data + KEY_UNIT_BYTES);
    memcpy(ret->payee, key.data + fixed, key.len - fixed);
    ret->payee[key.len - fixed] = '\0';
    ret->amount = take_u64(&at);
    ret->compute = take_u64(&at);
    ret->model = take_u64(&at);
    ret->released = take_u64(&at);
    ret->reversed = take_u64(&at);
    ret->brought = take_u64(&at);
    ret->carried = take_u64(&at);
    ret->payments = take_u64(&at);
    ret->paid = take_u64(&at);
    ret->pending = take_u64(&at);
    return LUCID_OK;
}
