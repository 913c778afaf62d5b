/* A token from outside: what is taken has one form, and refusals say why. The key is the vectors'.
 */
#include "base/assert.h"
#include "base/base64url.h"
#include "ledger/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char public_hex[] = "d86250858fedd40fb6bf2153d5a5104db32744bef5c3e99c560219030cf0cc79";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t key[LEDGER_ED25519_PUBLIC_BYTES];
    struct lucid_buf header = {0};
    struct lucid_buf payload = {0};
    struct lucid_why why = {.code = NULL};
    lucid_assert(lucid_hex_decode(lucid_span_str(public_hex), key, sizeof(key)));
    enum lucid_error e = ledger_jws_verify(lucid_span(data, size), key, &header, &payload, &why);
    if (e == LUCID_OK) {
        struct lucid_buf again = {0};
        lucid_base64url_write(&again, lucid_buf_span(&header));
        lucid_buf_char(&again, '.');
        lucid_base64url_write(&again, lucid_buf_span(&payload));
        lucid_assert(again.len < size && memcmp(again.data, data, again.len) == 0);
        lucid_buf_fini(&again);
    } else {
        lucid_assert(e == LUCID_REFUSE_INVALID || e == LUCID_REFUSE_FORBIDDEN ||
                     e == LUCID_REFUSE_TOO_LARGE);
        lucid_assert(why.text[0] != '\0' && header.len == 0 && payload.len == 0);
    }
    lucid_buf_fini(&header);
    lucid_buf_fini(&payload);
    return 0;
}
