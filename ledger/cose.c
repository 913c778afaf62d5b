#include "ledger/cose.h"

#include "base/assert.h"
#include "base/sha256.h"

/* RFC 8949 3: major types. */
enum { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP };

enum {
    CBOR_NIL = 0xf6,
    TAG_SIGN1 = 0xd2,    /* tag 18 in one byte */
    LABEL_ALG = 1,       /* RFC 9052 3.1 */
    ALG_EDDSA = -8,      /* RFC 9053 2.2 */
    LABEL_KID = 4,       /* RFC 9052 3.1 */
    LABEL_CWT = 15,      /* RFC 9597 */
    CWT_ISSUER = 1,      /* RFC 8392 */
    CWT_SUBJECT = 2,     /* RFC 8392 */
    LABEL_VDS = 395,     /* RFC 9942 */
    VDS_RFC9162 = 1,     /* RFC 9942 */
    LABEL_VDP = 396,     /* RFC 9942 */
    VDP_INCLUSION = -1,  /* RFC 9942 */
    VDP_CONSISTENCY = -2 /* RFC 9942 */
};

void ledger_cose_kid(const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                     uint8_t ret_kid[LEDGER_COSE_KID_BYTES])
{
    lucid_sha256(lucid_span(public_key, LEDGER_ED25519_PUBLIC_BYTES), ret_kid);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A head in its shortest form. */
static void put_head(struct lucid_buf *buf, uint8_t major, uint64_t value)
{
    uint8_t bytes[9];
    size_t more = value < 24 ? 0 : value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : 4;
    more = value > UINT32_MAX ? 8 : more;
    uint8_t info = more == 0 ? (uint8_t)value : (uint8_t)(24 + __builtin_ctzl(more));
    bytes[0] = (uint8_t)(major << 5 | info);
    for (size_t i = 0; i < more; i++) {
        bytes[1 + i] = (uint8_t)(value >> 8 * (more - 1 - i));
    }
    lucid_buf_put(buf, bytes, 1 + more);
}

static void put_int(struct lucid_buf *buf, int64_t value)
{
    if (value < 0) {
        put_head(buf, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
    } else {
        put_head(buf, MAJOR_UINT, (uint64_t)value);
    }
}

static void put_bytes(struct lucid_buf *buf, const void *data, size_t len)
{
    put_head(buf, MAJOR_BYTES, len);
    lucid_buf_put(buf, data, len);
}

static void put_text(struct lucid_buf *buf, struct lucid_span text)
{
    put_head(buf, MAJOR_TEXT, text.len);
    lucid_buf_span_put(buf, text);
}

static void put_protected(struct lucid_buf *buf, const struct ledger_ed25519_key *key,
                          const struct ledger_cose *receipt)
{
    uint8_t kid[LEDGER_COSE_KID_BYTES];
    ledger_cose_kid(key->public_key, kid);
    put_head(buf, MAJOR_MAP, 4);
    put_int(buf, LABEL_ALG);
    put_int(buf, ALG_EDDSA);
    put_int(buf, LABEL_KID);
    put_bytes(buf, kid, sizeof(kid));
    put_int(buf, LABEL_CWT);
    put_head(buf, MAJOR_MAP, receipt->subject.data == NULL ? 1 : 2);
    put_int(buf, CWT_ISSUER);
    put_text(buf, receipt->issuer);
    if (receipt->subject.data != NULL) {
        put_int(buf, CWT_SUBJECT);
        put_text(buf, receipt->subject);
    }
    put_int(buf, LABEL_VDS);
    put_int(buf, VDS_RFC9162);
}

/* The array that stands, encoded, in the proofs' list. */
static void put_proof(struct lucid_buf *buf, const struct ledger_cose *receipt)
{
    bool inclusion = receipt->kind == LEDGER_COSE_INCLUSION;
    put_head(buf, MAJOR_ARRAY, 3);
    put_head(buf, MAJOR_UINT, inclusion ? receipt->size : receipt->first);
    put_head(buf, MAJOR_UINT, inclusion ? receipt->first : receipt->size);
    put_head(buf, MAJOR_ARRAY, receipt->path.count);
    for (size_t i = 0; i < receipt->path.count; i++) {
        put_bytes(buf, receipt->path.hash[i].bytes, MMR_HASH_BYTES);
    }
}

/* RFC 9052 4.4 */
static void put_sig_structure(struct lucid_buf *buf, struct lucid_span protected_header,
                              const struct mmr_hash *root)
{
    put_head(buf, MAJOR_ARRAY, 4);
    put_text(buf, lucid_span_str("Signature1"));
    put_bytes(buf, protected_header.data, protected_header.len);
    put_bytes(buf, NULL, 0);
    put_bytes(buf, root->bytes, MMR_HASH_BYTES);
}

static bool subject_ok(struct lucid_span subject)
{
    for (size_t i = 0; i < subject.len; i++) {
        if (subject.data[i] <= ' ' || subject.data[i] > '~') {
            return false;
        }
    }
    return subject.len >= 1 && subject.len <= LEDGER_COSE_SUBJECT_BYTES_MAX;
}

static void put_unprotected(struct lucid_buf *buf, struct lucid_span proof,
                            const struct ledger_cose *receipt)
{
    put_head(buf, MAJOR_MAP, receipt->checkpoint.data == NULL ? 1 : 2);
    put_int(buf, LABEL_VDP);
    put_head(buf, MAJOR_MAP, 1);
    put_int(buf, receipt->kind == LEDGER_COSE_INCLUSION ? VDP_INCLUSION : VDP_CONSISTENCY);
    put_head(buf, MAJOR_ARRAY, 1);
    put_bytes(buf, proof.data, proof.len);
    if (receipt->checkpoint.data != NULL) {
        put_text(buf, lucid_span_str(LEDGER_COSE_CHECKPOINT_LABEL));
        put_bytes(buf, receipt->checkpoint.data, receipt->checkpoint.len);
    }
}

void ledger_cose_write(struct lucid_buf *buf, const struct ledger_ed25519_key *key,
                       const struct ledger_cose *receipt)
{
    lucid_assert(ledger_name_ok(receipt->issuer));
    lucid_assert(receipt->subject.data == NULL || subject_ok(receipt->subject));
    lucid_assert(receipt->path.count <= MMR_PATH_MAX);
    lucid_assert(receipt->checkpoint.data == NULL ||
                 (receipt->checkpoint.len > 0 && receipt->checkpoint.len <= LEDGER_NOTE_BYTES_MAX));
    struct lucid_buf header = {0};
    struct lucid_buf proof = {0};
    struct lucid_buf signed_bytes = {0};
    put_protected(&header, key, receipt);
    put_proof(&proof, receipt);
    put_sig_structure(&signed_bytes, lucid_buf_span(&header), &receipt->root);
    if (!lucid_buf_ok(&header) || !lucid_buf_ok(&proof) || !lucid_buf_ok(&signed_bytes)) {
        buf->failed = true;
    } else {
        uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
        ledger_ed25519_sign(key, lucid_buf_span(&signed_bytes), signature);
        lucid_buf_char(buf, (char)TAG_SIGN1);
        put_head(buf, MAJOR_ARRAY, 4);
        put_bytes(buf, header.data, header.len);
        put_unprotected(buf, lucid_buf_span(&proof), receipt);
        if (receipt->kind == LEDGER_COSE_INCLUSION) {
            lucid_buf_char(buf, (char)CBOR_NIL);
        } else {
            put_bytes(buf, receipt->root.bytes, MMR_HASH_BYTES);
        }
        put_bytes(buf, signature, sizeof(signature));
    }
    lucid_buf_fini(&header);
    lucid_buf_fini(&proof);
    lucid_buf_fini(&signed_bytes);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads one item after the other. The first thing that is not as expected sticks; what is read
 * after it are zeros. No item is read by its own description alone, so nothing can nest deeper than
 * this file does. */
struct reader {
    struct lucid_span rest;
    const char *fault;
    const uint8_t *fault_at;
};

static void reader_fault(struct reader *reader, const char *text)
{
    if (reader->fault == NULL) {
        reader->fault = text;
        reader->fault_at = reader->rest.data;
    }
}

static uint8_t take_byte(struct reader *reader)
{
    if (reader->fault != NULL || reader->rest.len == 0) {
        reader_fault(reader, "ends too early");
        return 0;
    }
    uint8_t byte = reader->rest.data[0];
    reader->rest = lucid_span(reader->rest.data + 1, reader->rest.len - 1);
    return byte;
}

/* The head of an item of that major type: its value, length or count. */
static uint64_t take_head(struct reader *reader, uint8_t major, const char *what)
{
    struct lucid_span before = reader->rest;
    uint8_t first = take_byte(reader);
    uint8_t info = first & 0x1f;
    uint64_t value = info;
    if (first >> 5 != major || info > 27) { /* 28 to 30 are unassigned, 31 is indefinite */
        reader->rest = before;
        reader_fault(reader, what);
        return 0;
    }
    if (info >= 24) {
        size_t more = (size_t)1 << (info - 24);
        uint64_t least = info == 24 ? 24 : (uint64_t)1 << 4 * more;
        value = 0;
        for (size_t i = 0; i < more; i++) {
            value = value << 8 | take_byte(reader);
        }
        if (value < least) {
            reader->rest = before;
            reader_fault(reader, "a number is not in its shortest form");
        }
    }
    return reader->fault == NULL ? value : 0;
}

static void expect_int(struct reader *reader, int64_t want, const char *what)
{
    struct lucid_span before = reader->rest;
    uint64_t value = take_head(reader, want < 0 ? MAJOR_NEGATIVE : MAJOR_UINT, what);
    if (value != (want < 0 ? (uint64_t)(-1 - want) : (uint64_t)want)) {
        reader->rest = before;
        reader_fault(reader, what);
    }
}

static void expect_count(struct reader *reader, uint8_t major, uint64_t want, const char *what)
{
    struct lucid_span before = reader->rest;
    if (take_head(reader, major, what) != want) {
        reader->rest = before;
        reader_fault(reader, what);
    }
}

/* A byte or text string of min to max bytes. */
static struct lucid_span take_string(struct reader *reader, uint8_t major, size_t min, size_t max,
                                     const char *what)
{
    struct lucid_span before = reader->rest;
    uint64_t len = take_head(reader, major, what);
    if (reader->fault == NULL && (len < min || len > max || len > reader->rest.len)) {
        reader->rest = before;
        reader_fault(reader, what);
    }
    if (reader->fault != NULL) {
        return lucid_span(NULL, 0);
    }
    struct lucid_span text = lucid_span(reader->rest.data, (size_t)len);
    reader->rest = lucid_span(reader->rest.data + len, reader->rest.len - (size_t)len);
    return text;
}

static void take_fixed(struct reader *reader, void *ret, size_t len, const char *what)
{
    struct lucid_span bytes = take_string(reader, MAJOR_BYTES, len, len, what);
    if (bytes.data != NULL) {
        memcpy(ret, bytes.data, len);
    }
}

/* Nothing may be left. */
static void take_end(struct reader *reader)
{
    if (reader->fault == NULL && reader->rest.len > 0) {
        reader_fault(reader, "bytes follow where none may");
    }
}

static void take_protected(struct reader *reader, struct ledger_cose *receipt)
{
    expect_count(reader, MAJOR_MAP, 4, "the protected header is not a map of four");
    expect_int(reader, LABEL_ALG, "the first protected label is not 1 (alg)");
    expect_int(reader, ALG_EDDSA, "the algorithm is not -8 (EdDSA)");
    expect_int(reader, LABEL_KID, "the second protected label is not 4 (kid)");
    take_fixed(reader, receipt->kid, sizeof(receipt->kid), "the key id is not 32 bytes");
    expect_int(reader, LABEL_CWT, "the third protected label is not 15 (CWT claims)");
    struct lucid_span before = reader->rest;
    uint64_t claims = take_head(reader, MAJOR_MAP, "the CWT claims are not a map");
    if (reader->fault == NULL && claims != 1 && claims != 2) {
        reader->rest = before;
        reader_fault(reader, "the CWT claims are not issuer, or issuer and subject");
    }
    expect_int(reader, CWT_ISSUER, "the first claim is not 1 (issuer)");
    receipt->issuer =
        take_string(reader, MAJOR_TEXT, 1, LEDGER_NAME_BYTES_MAX, "the issuer is not a text");
    if (reader->fault == NULL && !ledger_name_ok(receipt->issuer)) {
        reader_fault(reader, "the issuer cannot be the name of a log");
    }
    if (claims == 2) {
        expect_int(reader, CWT_SUBJECT, "the second claim is not 2 (subject)");
        receipt->subject = take_string(reader, MAJOR_TEXT, 1, LEDGER_COSE_SUBJECT_BYTES_MAX,
                                       "the subject is not a text of 1 to 255 bytes");
        if (reader->fault == NULL && !subject_ok(receipt->subject)) {
            reader_fault(reader, "the subject is not printable ASCII");
        }
    }
    expect_int(reader, LABEL_VDS, "the fourth protected label is not 395 (vds)");
    expect_int(reader, VDS_RFC9162, "the data structure is not 1 (RFC9162_SHA256)");
    take_end(reader);
}

static void take_proof(struct reader *reader, struct ledger_cose *receipt)
{
    bool inclusion = receipt->kind == LEDGER_COSE_INCLUSION;
    expect_count(reader, MAJOR_ARRAY, 3, "a proof is not an array of three");
    uint64_t one = take_head(reader, MAJOR_UINT, "a proof's first number is none");
    uint64_t two = take_head(reader, MAJOR_UINT, "a proof's second number is none");
    receipt->first = inclusion ? two : one;
    receipt->size = inclusion ? one : two;
    struct lucid_span before = reader->rest;
    uint64_t count = take_head(reader, MAJOR_ARRAY, "the path is not an array");
    if (count > MMR_PATH_MAX) {
        reader->rest = before;
        reader_fault(reader, "the path has more than 64 hashes");
        return;
    }
    for (size_t i = 0; i < count && reader->fault == NULL; i++) {
        take_fixed(reader, receipt->path.hash[i].bytes, MMR_HASH_BYTES, "a hash is not 32 bytes");
    }
    receipt->path.count = (size_t)count;
    take_end(reader);
}

/* Reads the content of a byte string with its own function; a fault in there is the reader's. */
static struct lucid_span take_inside(struct reader *reader, struct ledger_cose *receipt,
                                     void (*take)(struct reader *, struct ledger_cose *),
                                     const char *what)
{
    struct lucid_span bytes = take_string(reader, MAJOR_BYTES, 1, LEDGER_COSE_BYTES_MAX, what);
    if (reader->fault == NULL) {
        struct reader inside = {.rest = bytes};
        take(&inside, receipt);
        reader->fault = inside.fault;
        reader->fault_at = inside.fault_at;
    }
    return bytes;
}

static void take_unprotected(struct reader *reader, struct ledger_cose *receipt)
{
    struct lucid_span before = reader->rest;
    uint64_t labels = take_head(reader, MAJOR_MAP, "the unprotected header is not a map");
    if (reader->fault == NULL && labels != 1 && labels != 2) {
        reader->rest = before;
        reader_fault(reader, "the unprotected header is not proofs, or proofs and checkpoint");
    }
    expect_int(reader, LABEL_VDP, "the first unprotected label is not 396 (vdp)");
    expect_count(reader, MAJOR_MAP, 1, "the proofs are not a map of one");
    before = reader->rest;
    uint64_t kind = take_head(reader, MAJOR_NEGATIVE, "the kind of proof is not -1 or -2");
    if (kind > 1) {
        reader->rest = before;
        reader_fault(reader, "the kind of proof is not -1 or -2");
    }
    receipt->kind = kind == 0 ? LEDGER_COSE_INCLUSION : LEDGER_COSE_CONSISTENCY;
    expect_count(reader, MAJOR_ARRAY, 1, "there is not exactly one proof");
    (void)take_inside(reader, receipt, take_proof, "a proof is not a byte string");
    if (labels == 2) {
        before = reader->rest;
        struct lucid_span label = take_string(reader, MAJOR_TEXT, 1, 64, "a label is not a text");
        if (reader->fault == NULL && !lucid_span_is(label, LEDGER_COSE_CHECKPOINT_LABEL)) {
            reader->rest = before;
            reader_fault(reader, "there is an unprotected label of unknown meaning");
        }
        receipt->checkpoint = take_string(reader, MAJOR_BYTES, 1, LEDGER_NOTE_BYTES_MAX,
                                          "the checkpoint is not a byte string of a note's size");
    }
}

static void take_receipt(struct reader *reader, struct ledger_cose *receipt)
{
    if (take_byte(reader) != TAG_SIGN1) {
        reader_fault(reader, "does not begin with tag 18 (COSE_Sign1)");
    }
    expect_count(reader, MAJOR_ARRAY, 4, "is not an array of four");
    receipt->protected_header =
        take_inside(reader, receipt, take_protected, "the protected header is no byte string");
    take_unprotected(reader, receipt);
    if (receipt->kind == LEDGER_COSE_CONSISTENCY) {
        take_fixed(reader, receipt->root.bytes, MMR_HASH_BYTES, "the payload is not a root");
    } else if (take_byte(reader) != CBOR_NIL) {
        reader_fault(reader, "the payload is not nil");
    }
    take_fixed(reader, receipt->signature, sizeof(receipt->signature),
               "the signature is not 64 bytes");
    take_end(reader);
}

enum lucid_error ledger_cose_read(struct lucid_span data, struct ledger_cose *ret_receipt,
                                  struct lucid_why *why)
{
    if (data.len > LEDGER_COSE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "PROOF_MALFORMED", NULL,
                            "the COSE receipt is too large");
    }
    struct ledger_cose receipt = {.kind = LEDGER_COSE_INCLUSION};
    struct reader reader = {.rest = data};
    take_receipt(&reader, &receipt);
    if (reader.fault != NULL) {
        size_t at = reader.fault_at == NULL ? 0 : (size_t)(reader.fault_at - data.data);
        enum lucid_error error = lucid_refuse(why, LUCID_REFUSE_INVALID, "PROOF_MALFORMED", NULL,
                                              "the COSE receipt, byte %zu: %s", at, reader.fault);
        if (why != NULL) {
            why->offset = at;
        }
        return error;
    }
    *ret_receipt = receipt;
    return LUCID_OK;
}

enum lucid_error ledger_cose_verify(const struct ledger_cose *receipt,
                                    const uint8_t public_key[LEDGER_ED25519_PUBLIC_BYTES],
                                    const struct mmr_hash *root, bool *ret_good)
{
    struct lucid_buf signed_bytes = {0};
    put_sig_structure(&signed_bytes, receipt->protected_header, root);
    enum lucid_error error = lucid_buf_ok(&signed_bytes) ? LUCID_OK : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        *ret_good =
            ledger_ed25519_verify(public_key, lucid_buf_span(&signed_bytes), receipt->signature);
    }
    lucid_buf_fini(&signed_bytes);
    return error;
}
