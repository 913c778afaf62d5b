/* Amounts, base units and decimals as people write them, and account ids: what is taken has exactly
 * one value, and what is written from it is taken again. */
#include "base/assert.h"
#include "gas/books.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text's value in base units by long multiplication; decimals: digits behind the point. */
static unsigned __int128 value_of(struct lucid_span text, unsigned decimals)
{
    unsigned __int128 value = 0;
    unsigned behind = 0;
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.') {
            point = true;
            continue;
        }
        lucid_assert(text.data[i] >= '0' && text.data[i] <= '9');
        value = value * 10 + (unsigned)(text.data[i] - '0');
        behind += point;
    }
    lucid_assert(behind <= decimals);
    for (; behind < decimals; behind++) {
        value *= 10;
    }
    return value;
}

static void decimal(struct lucid_span text, enum gas_unit unit)
{
    uint64_t amount;
    uint64_t again;
    struct lucid_why why = {.code = NULL};
    char shown[GAS_AMOUNT_TEXT_BYTES];
    if (gas_amount_parse_decimal(text, unit, &amount, &why) != LUCID_OK) {
        lucid_assert(why.text[0] != '\0');
        return;
    }
    lucid_assert(amount <= GAS_AMOUNT_MAX && text.len < GAS_AMOUNT_TEXT_BYTES);
    lucid_assert(value_of(text, gas_unit_decimals(unit)) == amount);
    gas_amount_format(amount, unit, shown);
    lucid_assert(gas_amount_parse_decimal(lucid_span_str(shown), unit, &again, NULL) == LUCID_OK);
    lucid_assert(again == amount);
}

static void base_units(struct lucid_span text)
{
    uint64_t amount;
    struct lucid_buf out = {.bytes_max = 0};
    if (gas_amount_parse(text, &amount)) {
        lucid_buf_u64(&out, amount);
        lucid_assert(lucid_span_equal(text, lucid_buf_span(&out)) && amount <= GAS_AMOUNT_MAX);
        lucid_buf_fini(&out);
    }
}

static void account(struct lucid_span text)
{
    enum gas_class class;
    enum gas_unit unit;
    if (gas_account_id_parse(text, &class, &unit)) {
        size_t head = strlen(gas_class_name(class));
        size_t tail = strlen(gas_unit_name(unit));
        lucid_assert(gas_name_ok(text, GAS_ACCOUNT_ID_BYTES_MAX) && text.len > head + tail + 2);
        lucid_assert(memcmp(text.data, gas_class_name(class), head) == 0);
        lucid_assert(memcmp(text.data + text.len - tail, gas_unit_name(unit), tail) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lucid_span text = lucid_span(data, size);
    decimal(text, GAS_LUCID);
    decimal(text, GAS_USDC);
    base_units(text);
    account(text);
    return 0;
}
