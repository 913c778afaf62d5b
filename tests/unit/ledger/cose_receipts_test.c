/* COSE receipts: tests/vectors/merkle/cose_receipts.json read, verified and written again byte for
 * byte; then everything that the reader must refuse. */
#include "ledger/cose.h"

#include "tests/unit/mmr/vectors.h"

enum { RECEIPT_BYTES_MAX = 4096 };

static json_t *file;
static struct ledger_ed25519_key key;

static int setup(void **state)
{
    (void)state;
    uint8_t seed[LEDGER_ED25519_SEED_BYTES];
    file = vectors_load("merkle/cose_receipts.json");
    vectors_bytes(vectors_get(file, "seed"), seed, sizeof(seed));
    ledger_ed25519_key_init(seed, &key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(file);
    return 0;
}

static struct lucid_span hex_bytes(struct lucid_span text, uint8_t out[RECEIPT_BYTES_MAX])
{
    assert_true(text.len % 2 == 0 && text.len / 2 <= RECEIPT_BYTES_MAX);
    assert_true(lucid_hex_decode(text, out, text.len / 2));
    return lucid_span(out, text.len / 2);
}

static const json_t *vector(size_t index, uint8_t out[RECEIPT_BYTES_MAX], struct lucid_span *ret)
{
    const json_t *item = json_array_get(vectors_get(file, "cases"), index);
    *ret = hex_bytes(vectors_text(vectors_get(item, "receipt")), out);
    return item;
}

/* The root that a receipt speaks of; false when its path and numbers do not go together, or the
 * size is another. These receipts bear no checkpoint to take the size from, and a path does not
 * bind it: with 100 turned into 101 the third path leads to the same root. */
static bool receipt_root(const json_t *item, const struct ledger_cose *receipt,
                         struct mmr_hash *ret)
{
    if (receipt->kind == LEDGER_COSE_CONSISTENCY) {
        struct mmr_hash older = vectors_hash(vectors_get(item, "root1"));
        *ret = receipt->root;
        return receipt->first == vectors_u64(vectors_get(item, "size1")) &&
               receipt->size == vectors_u64(vectors_get(item, "size2")) &&
               mmr_verify_consistency(receipt->first, receipt->size, &older, ret,
                                      receipt->path.hash, receipt->path.count);
    }
    struct mmr_hash leaf = vectors_hash(vectors_get(item, "leaf_hash"));
    return receipt->size == vectors_u64(vectors_get(item, "size")) &&
           mmr_inclusion_root(receipt->first, receipt->size, &leaf, receipt->path.hash,
                              receipt->path.count, ret);
}

static bool receipt_good(const json_t *item, struct lucid_span data)
{
    struct ledger_cose receipt;
    struct mmr_hash root;
    bool good = false;
    if (ledger_cose_read(data, &receipt, NULL) != LUCID_OK) {
        return false;
    }
    if (receipt_root(item, &receipt, &root)) {
        assert_int_equal(ledger_cose_verify(&receipt, key.public_key, &root, &good), LUCID_OK);
    }
    return good;
}

static void check_vector(const json_t *item, struct lucid_span data)
{
    bool inclusion = lucid_span_is(vectors_text(vectors_get(item, "kind")), "inclusion");
    uint8_t kid[LEDGER_COSE_KID_BYTES];
    struct mmr_hash path[MMR_PATH_MAX];
    struct ledger_cose receipt;
    vectors_bytes(vectors_get(file, "kid"), kid, sizeof(kid));
    size_t count = vectors_hashes(vectors_get(item, "proof"), path, MMR_PATH_MAX);
    assert_int_equal(ledger_cose_read(data, &receipt, NULL), LUCID_OK);
    assert_int_equal(receipt.kind, inclusion ? LEDGER_COSE_INCLUSION : LEDGER_COSE_CONSISTENCY);
    assert_int_equal(receipt.first, vectors_u64(vectors_get(item, inclusion ? "index" : "size1")));
    assert_int_equal(receipt.size, vectors_u64(vectors_get(item, inclusion ? "size" : "size2")));
    assert_int_equal(receipt.path.count, count);
    assert_memory_equal(receipt.path.hash, path, count * sizeof(path[0]));
    assert_memory_equal(receipt.kid, kid, sizeof(kid));
    assert_true(lucid_span_is(receipt.issuer, "lucid.example/ledger/test"));
    assert_true(receipt.subject.data == NULL && receipt.checkpoint.data == NULL);
    assert_true(receipt_good(item, data));
    /* And back. */
    struct lucid_buf out = {0};
    receipt.root = vectors_hash(vectors_get(item, inclusion ? "root" : "root2"));
    ledger_cose_write(&out, &key, &receipt);
    assert_true(lucid_buf_ok(&out));
    assert_true(lucid_span_equal(lucid_buf_span(&out), data));
    lucid_buf_fini(&out);
}

static void test_vectors(void **state)
{
    (void)state;
    uint8_t bytes[RECEIPT_BYTES_MAX];
    struct lucid_span data;
    size_t count = json_array_size(vectors_get(file, "cases"));
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = vector(i, bytes, &data);
        check_vector(item, data);
    }
}

/* No single bit may be other than it is. */
static void test_flips(void **state)
{
    (void)state;
    uint8_t bytes[RECEIPT_BYTES_MAX];
    struct lucid_span data;
    size_t flips = 0;
    for (size_t i = 0; i < 10; i++) {
        const json_t *item = vector(i, bytes, &data);
        for (size_t bit = 0; bit < data.len * 8; bit++, flips++) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (receipt_good(item, data)) {
                fail_msg("receipt %zu is accepted with bit %zu flipped", i, bit);
            }
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        assert_true(receipt_good(item, data));
    }
    assert_true(flips > 20000);
}

static void test_lengths(void **state)
{
    (void)state;
    uint8_t bytes[RECEIPT_BYTES_MAX] = {0};
    struct lucid_span data;
    struct ledger_cose receipt;
    for (size_t i = 0; i < 10; i++) {
        (void)vector(i, bytes, &data);
        for (size_t len = 0; len < data.len; len++) {
            assert_int_equal(ledger_cose_read(lucid_span(data.data, len), &receipt, NULL),
                             LUCID_REFUSE_INVALID);
        }
        assert_int_equal(ledger_cose_read(lucid_span(data.data, data.len + 1), &receipt, NULL),
                         LUCID_REFUSE_INVALID);
    }
    assert_int_equal(ledger_cose_read(lucid_span(NULL, 0), &receipt, NULL), LUCID_REFUSE_INVALID);
    uint8_t *large = calloc(1, LEDGER_COSE_BYTES_MAX + 1);
    assert_non_null(large);
    memcpy(large, bytes, sizeof(bytes));
    assert_int_equal(ledger_cose_read(lucid_span(large, LEDGER_COSE_BYTES_MAX + 1), &receipt, NULL),
                     LUCID_REFUSE_TOO_LARGE);
    free(large);
}

/* --- hand-made ones --------------------------------------------------------------------------- */

#define H32 "f29bd917c35f8dabdad3d4859f1cb31c5de1d76e9b01b16204f4830800b0b147"
#define ALG "0127"
#define KID "045820" H32
#define CWT "0fa101616c"
#define VDS "19018b01"
#define PATH1                                                                                      \
    "815820"                                                                                       \
    "62819b420ede7e37239e09b894b6552c307926203f6b306cb55b9974ddfd374d"

/* A receipt in pieces, all hex. The first two are put into byte strings. */
struct pieces {
    const char *tag;
    const char *header;
    const char *proof;
    const char *before; /* of the unprotected header up to the proof's byte string */
    const char *after;  /* of it */
    const char *payload;
    const char *signature; /* NULL: 64 zeros in a byte string */
};

static const struct pieces sound = {
    .tag = "d284",
    .header = "a4" ALG KID CWT VDS,
    .proof = "830200" PATH1,
    .before = "a119018ca12081",
    .after = "",
    .payload = "f6",
};

static void put_hex(struct lucid_buf *buf, const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *out = lucid_buf_extend(buf, len);
    assert_non_null(out);
    assert_true(len == 0 || lucid_hex_decode(lucid_span_str(hex), out, len));
}

static void put_string(struct lucid_buf *buf, const char *hex)
{
    size_t len = strlen(hex) / 2;
    assert_true(len < 65536);
    lucid_buf_char(buf, len < 24 ? (char)(0x40 + len) : len < 256 ? 0x58 : 0x59);
    if (len >= 256) {
        lucid_buf_char(buf, (char)(len >> 8));
    }
    if (len >= 24) {
        lucid_buf_char(buf, (char)len);
    }
    put_hex(buf, hex);
}

static enum lucid_error read_pieces(const struct pieces *pieces, struct ledger_cose *ret,
                                    struct lucid_why *why)
{
    /* What the spans of ret point into must outlive this. */
    static struct lucid_buf buf;
    static const uint8_t zeros[LEDGER_ED25519_SIGNATURE_BYTES];
    lucid_buf_clear(&buf);
    put_hex(&buf, pieces->tag);
    put_string(&buf, pieces->header);
    put_hex(&buf, pieces->before);
    put_string(&buf, pieces->proof);
    put_hex(&buf, pieces->after);
    put_hex(&buf, pieces->payload);
    if (pieces->signature != NULL) {
        put_hex(&buf, pieces->signature);
    } else {
        put_hex(&buf, "5840");
        lucid_buf_put(&buf, zeros, sizeof(zeros));
    }
    assert_true(lucid_buf_ok(&buf));
    return ledger_cose_read(lucid_buf_span(&buf), ret, why);
}

static void test_sound(void **state)
{
    (void)state;
    struct ledger_cose receipt;
    struct pieces pieces = sound;
    assert_int_equal(read_pieces(&pieces, &receipt, NULL), LUCID_OK);
    assert_true(lucid_span_is(receipt.issuer, "l"));
    assert_int_equal(receipt.size, 2);
    assert_int_equal(receipt.path.count, 1);
    pieces.header = "a4" ALG KID "0fa201616c0261"
                    "7e" VDS;
    pieces.before = "a219018ca12081";
    pieces.after = "706c756369642d636865636b706f696e74"
                   "43"
                   "414243";
    assert_int_equal(read_pieces(&pieces, &receipt, NULL), LUCID_OK);
    assert_true(lucid_span_is(receipt.subject, "~"));
    assert_true(lucid_span_is(receipt.checkpoint, "ABC"));
    pieces = sound;
    pieces.before = "a119018ca12181";
    pieces.payload = "5820" H32;
    assert_int_equal(read_pieces(&pieces, &receipt, NULL), LUCID_OK);
    assert_int_equal(receipt.kind, LEDGER_COSE_CONSISTENCY);
    assert_int_equal(receipt.first, 2);
    /* Every width that a number can have in its shortest form. */
    static const struct {
        const char *proof;
        uint64_t size;
    } widths[] = {
        {"83170080", 23},
        {"8318180080", 24},
        {"8318ff0080", 255},
        {"831901000080", 256},
        {"8319ffff0080", 65535},
        {"831a000100000080", 65536},
        {"831affffffff0080", UINT32_MAX},
        {"831b00000001000000000080", (uint64_t)1 << 32},
        {"831bffffffffffffffff0080", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        pieces = sound;
        pieces.proof = widths[i].proof;
        assert_int_equal(read_pieces(&pieces, &receipt, NULL), LUCID_OK);
        assert_int_equal(receipt.size, widths[i].size);
    }
}

static void refuse(const struct pieces *pieces, const char *text)
{
    struct ledger_cose receipt;
    struct lucid_why why = {.code = NULL};
    if (read_pieces(pieces, &receipt, &why) != LUCID_REFUSE_INVALID) {
        fail_msg("accepted, wanted: %s", text);
    }
    assert_string_equal(why.code, "PROOF_MALFORMED");
    if (strstr(why.text, text) == NULL) {
        fail_msg("got \"%s\", want \"%s\"", why.text, text);
    }
}

static void test_header_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *text;
    } cases[] = {
        {"", "no byte string"},
        {"a3" ALG KID CWT, "map of four"},
        {"a5" ALG KID CWT VDS "190200"
         "00",
         "map of four"},
        {"b804" ALG KID CWT VDS, "shortest form"},
        {"bf" ALG KID CWT VDS "ff", "map of four"},
        {"a4" KID ALG CWT VDS, "first protected label"},
        {"a4" ALG ALG CWT VDS, "second protected label"},
        {"a4" ALG KID VDS CWT, "third protected label"},
        {"a4" ALG KID CWT CWT, "fourth protected label"},
        {"a4"
         "180127" KID CWT VDS,
         "shortest form"},
        {"a4"
         "0126" KID CWT VDS,
         "algorithm"},
        {"a4"
         "013807" KID CWT VDS,
         "shortest form"},
        {"a4"
         "0107" KID CWT VDS,
         "algorithm"},
        {"a4" ALG "04581f"
         "9bd917c35f8dabdad3d4859f1cb31c5de1d76e9b01b16204f4830800b0b147" CWT VDS,
         "key id"},
        {"a4" ALG "0478205858585858585858585858585858585858585858585858585858585858585858" CWT VDS,
         "key id"},
        {"a4" ALG "045f5820" H32 "ff" CWT VDS, "key id"},
        {"a4" ALG KID "0fa0" VDS, "CWT claims"},
        {"a4" ALG KID "0fa3"
         "01616c"
         "02616c"
         "0300" VDS,
         "CWT claims"},
        {"a4" ALG KID "0fa201616c01616c" VDS, "second claim"},
        {"a4" ALG KID "0fa10160" VDS, "issuer"},
        {"a4" ALG KID "0fa101416c" VDS, "issuer"},
        {"a4" ALG KID "0fa1016120" VDS, "issuer"},
        {"a4" ALG KID "0fa10161ff" VDS, "issuer"},
        {"a4" ALG KID "0fa10162c080" VDS, "issuer"},
        {"a4" ALG KID "0fa10178ff" VDS, "issuer"},
        {"a4" ALG KID "0fa201616c0260" VDS, "subject"},
        {"a4" ALG KID "0fa201616c026120" VDS, "subject"},
        {"a4" ALG KID "0fa201616c026180" VDS, "subject"},
        {"a4" ALG KID CWT "19018b02", "data structure"},
        {"a4" ALG KID CWT "1a0000018b01", "shortest form"},
        {"a4" ALG KID CWT "19018c01", "fourth protected label"},
        {"a4" ALG KID CWT VDS "00", "bytes follow"},
        {"a4" ALG KID CWT "19018b", "ends too early"},
        {"8181818181818181818181818181818181818181818181818181", "map of four"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pieces pieces = sound;
        pieces.header = cases[i].header;
        refuse(&pieces, cases[i].text);
    }
}

static void test_proof_refused(void **state)
{
    (void)state;
    static const struct {
        const char *proof;
        const char *text;
    } cases[] = {
        {"", "byte string"},
        {"820200", "array of three"},
        {"84020080"
         "00",
         "array of three"},
        {"9f0200" PATH1 "ff", "array of three"},
        {"83180200" PATH1, "shortest form"},
        {"831900020080", "shortest form"},
        {"831a000000020080", "shortest form"},
        {"831b00000000000000020080", "shortest form"},
        {"831c0080", "first number"},
        {"831f0080", "first number"},
        {"832000" PATH1, "first number"},
        {"83024100" PATH1, "second number"},
        {"830220" PATH1, "second number"},
        {"83f9400000" PATH1, "first number"},
        {"8302005820" H32, "path is not"},
        {"830200a0", "path is not"},
        {"8302009f5820" H32 "ff", "path is not"},
        {"830200980141", "shortest form"},
        {"830200815821" H32 "00", "a hash"},
        {"83020081581f00", "a hash"},
        {"8302008159002062819b", "shortest form"},
        {"830200825820" H32, "ends too early"},
        {"83020080"
         "00",
         "bytes follow"},
        {"830200"
         "9b7fffffffffffffff",
         "64 hashes"},
        {"830200"
         "9841"
         "5820" H32,
         "64 hashes"},
        {"8302008181818181818181818181818181818181818181818181818181818181", "a hash"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pieces pieces = sound;
        pieces.proof = cases[i].proof;
        refuse(&pieces, cases[i].text);
    }
}

static void test_rest_refused(void **state)
{
    (void)state;
#define LABEL "706c756369642d636865636b706f696e74"
    static const struct {
        struct pieces pieces;
        const char *text;
    } cases[] = {
        {{.tag = "84"}, "tag 18"},
        {{.tag = "d284d284"}, "no byte string"},
        {{.tag = "d81284"}, "tag 18"},
        {{.tag = "d183"}, "tag 18"},
        {{.tag = "d9d9f7d284"}, "tag 18"},
        {{.tag = "d283"}, "array of four"},
        {{.tag = "d285"}, "array of four"},
        {{.tag = "d29f"}, "array of four"},
        {{.tag = "d29804"}, "shortest form"},
        {{.before = "a0"}, "unprotected header"},
        {{.before = "a319018ca12081"}, "unprotected header"},
        {{.before = "bf19018ca12081"}, "unprotected header"},
        {{.before = "a119018ba12081"}, "first unprotected label"},
        {{.before = "a11a0000018ca12081"}, "shortest form"},
        {{.before = "a119018ca02081"}, "map of one"},
        {{.before = "a119018ca22081"}, "map of one"},
        {{.before = "a119018ca12281"}, "kind of proof"},
        {{.before = "a119018ca10081"}, "kind of proof"},
        {{.before = "a119018ca1380081"}, "shortest form"},
        {{.before = "a119018ca12080"}, "exactly one"},
        {{.before = "a119018ca12082"}, "exactly one"},
        {{.before = "a119018ca1209f"}, "exactly one"},
        {{.before = "a219018ca12081", .after = "19018ca1208140"}, "label is not a text"},
        {{.before = "a219018ca12081",
          .after = "6161"
                   "4141"},
         "unknown meaning"},
        {{.before = "a219018ca12081", .after = LABEL "40"}, "checkpoint"},
        {{.before = "a219018ca12081", .after = LABEL "6141"}, "checkpoint"},
        {{.before = "a219018ca12081", .after = LABEL "5b7fffffffffffffff"}, "checkpoint"},
        {{.before = "a219018ca12081", .after = LABEL "5f4141ff"}, "checkpoint"},
        {{.before = "a219018ca12081"}, "label is not a text"},
        {{.payload = "40"}, "not nil"},
        {{.payload = "f7"}, "not nil"},
        {{.payload = "5820" H32}, "not nil"},
        {{.before = "a119018ca12181"}, "not a root"},
        {{.before = "a119018ca12181", .payload = "581f" H32}, "not a root"},
        {{.signature = "5820" H32}, "signature"},
        {{.signature = "5841" H32 H32 "00"}, "signature"},
        {{.signature = "7840" H32 H32}, "signature"},
        {{.signature = "5840" H32 H32 "00"}, "bytes follow"},
        {{.signature = "5840" H32 H32 "f6"}, "bytes follow"},
        {{.signature = ""}, "ends too early"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pieces pieces = cases[i].pieces;
        pieces.tag = pieces.tag != NULL ? pieces.tag : sound.tag;
        pieces.header = sound.header;
        pieces.proof = sound.proof;
        pieces.before = pieces.before != NULL ? pieces.before : sound.before;
        pieces.after = pieces.after != NULL ? pieces.after : sound.after;
        pieces.payload = pieces.payload != NULL ? pieces.payload : sound.payload;
        refuse(&pieces, cases[i].text);
    }
}

static void test_path_limit(void **state)
{
    (void)state;
    struct ledger_cose receipt = {.kind = LEDGER_COSE_INCLUSION,
                                  .issuer = lucid_span_str("log.example"),
                                  .path.count = MMR_PATH_MAX};
    struct lucid_buf out = {0};
    struct ledger_cose read;
    ledger_cose_write(&out, &key, &receipt);
    assert_int_equal(ledger_cose_read(lucid_buf_span(&out), &read, NULL), LUCID_OK);
    assert_int_equal(read.path.count, MMR_PATH_MAX);
    lucid_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_header_refused), cmocka_unit_test(test_proof_refused),
        cmocka_unit_test(test_rest_refused),   cmocka_unit_test(test_path_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
