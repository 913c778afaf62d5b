/* Writes the same signed receipts for both services, one a line, each with its own framing.
 *
 *   gen_receipts --count N [--first I] --lucid FILE --node FILE --keys FILE --hashes FILE
 *
 * lucid:  {"body":B,"receipt_signature":"…","signer_pubkey":"…"}, signed over SHA-256(JCS(B))
 * node:   B with the members signer and signature, signed over SHA-256(JCS(B with signer))
 * keys:   the signers' public keys in hex;  hashes: the receipt hashes of the lucid file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "bench/receipts.h"

enum { CHUNK = 8192 };

struct texts {
    struct lucid_buf lucid;
    struct lucid_buf node;
    struct lucid_buf hashes;
    struct lucid_buf work;
    uint64_t canonical_bytes;
};

struct gen {
    struct bench_signers signers;
    uint64_t base; /* index of the chunk's first receipt */
    struct texts texts[BENCH_THREADS_MAX];
};

struct options {
    uint64_t count;
    uint64_t first;
    const char *lucid;
    const char *node;
    const char *keys;
    const char *hashes;
};

/* Signs the canonical form of text; returns its length. */
static size_t sign(struct texts *texts, struct lucid_span text,
                   const struct ledger_ed25519_key *key, uint8_t hash[LUCID_SHA256_BYTES],
                   uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES])
{
    lucid_buf_clear(&texts->work);
    bench_canonical_write(text, &texts->work);
    lucid_sha256(lucid_buf_span(&texts->work), hash);
    ledger_ed25519_sign(key, lucid_span(hash, LUCID_SHA256_BYTES), signature);
    return texts->work.len;
}

static void lucid_line(struct texts *texts, uint64_t index, const struct ledger_ed25519_key *key)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    struct lucid_buf *out = &texts->lucid;
    lucid_buf_str(out, "{\"body\":");
    size_t start = out->len;
    bench_body_write(index, false, out);
    lucid_assert(lucid_buf_ok(out));
    texts->canonical_bytes +=
        sign(texts, lucid_span(out->data + start, out->len - start), key, hash, signature);
    lucid_json_member_hex(out, "receipt_signature", signature, sizeof(signature));
    lucid_json_member_hex(out, "signer_pubkey", key->public_key, sizeof(key->public_key));
    lucid_buf_str(out, "}\n");
    lucid_buf_hex(&texts->hashes, hash, sizeof(hash));
    lucid_buf_char(&texts->hashes, '\n');
}

static void node_line(struct texts *texts, uint64_t index, const struct ledger_ed25519_key *key)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    uint8_t signature[LEDGER_ED25519_SIGNATURE_BYTES];
    struct lucid_buf *out = &texts->node;
    size_t start = out->len;
    bench_body_write(index, true, out);
    lucid_json_member_hex(out, "signer", key->public_key, sizeof(key->public_key));
    lucid_buf_char(out, '}');
    lucid_assert(lucid_buf_ok(out));
    sign(texts, lucid_span(out->data + start, out->len - start), key, hash, signature);
    out->len--; /* over the brace again */
    lucid_json_member_hex(out, "signature", signature, sizeof(signature));
    lucid_buf_str(out, "}\n");
}

static void make_slice(void *context, uint64_t first, uint64_t end, unsigned slice)
{
    struct gen *gen = context;
    struct texts *texts = &gen->texts[slice];
    lucid_buf_clear(&texts->lucid);
    lucid_buf_clear(&texts->node);
    lucid_buf_clear(&texts->hashes);
    for (uint64_t i = first; i < end; i++) {
        uint64_t index = gen->base + i;
        const struct ledger_ed25519_key *key = bench_signer_of(&gen->signers, index);
        lucid_line(texts, index, key);
        node_line(texts, index, key);
    }
}

static void put(FILE *file, const struct lucid_buf *buf)
{
    lucid_assert(lucid_buf_ok(buf));
    if (fwrite(buf->data, 1, buf->len, file) != buf->len) {
        perror("gen_receipts: write");
        exit(1);
    }
}

static FILE *file_open(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void file_close(FILE *file)
{
    if (fclose(file) != 0) {
        perror("gen_receipts: close");
        exit(1);
    }
}

static void receipts_write(struct gen *gen, const struct options *options)
{
    FILE *lucid = file_open(options->lucid);
    FILE *node = file_open(options->node);
    FILE *hashes = file_open(options->hashes);
    unsigned threads = bench_processors();
    for (uint64_t done = 0; done < options->count;) {
        uint64_t chunk = options->count - done < CHUNK ? options->count - done : CHUNK;
        gen->base = options->first + done;
        bench_parallel(threads, chunk, make_slice, gen);
        for (unsigned i = 0; i < threads; i++) {
            put(lucid, &gen->texts[i].lucid);
            put(node, &gen->texts[i].node);
            put(hashes, &gen->texts[i].hashes);
        }
        done += chunk;
    }
    file_close(lucid);
    file_close(node);
    file_close(hashes);
}

static void keys_write(const struct gen *gen, const char *path)
{
    FILE *file = file_open(path);
    for (size_t i = 0; i < BENCH_SIGNERS; i++) {
        char line[2 * LEDGER_ED25519_PUBLIC_BYTES + 1];
        lucid_hex_encode(gen->signers.keys[i].public_key, LEDGER_ED25519_PUBLIC_BYTES, line);
        line[sizeof(line) - 1] = '\0';
        fprintf(file, "%s\n", line);
    }
    file_close(file);
}

static bool options_read(int argc, char **argv, struct options *options)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i];
        const char *value = argv[i + 1];
        if (strcmp(name, "--count") == 0) {
            options->count = bench_number(name, value);
        } else if (strcmp(name, "--first") == 0) {
            options->first = bench_number(name, value);
        } else if (strcmp(name, "--lucid") == 0) {
            options->lucid = value;
        } else if (strcmp(name, "--node") == 0) {
            options->node = value;
        } else if (strcmp(name, "--keys") == 0) {
            options->keys = value;
        } else if (strcmp(name, "--hashes") == 0) {
            options->hashes = value;
        } else {
            return false;
        }
    }
    return argc % 2 == 1 && options->count > 0 && options->lucid != NULL && options->node != NULL &&
           options->keys != NULL && options->hashes != NULL;
}

int main(int argc, char **argv)
{
    static struct gen gen;
    struct options options = {.count = 0};
    if (!options_read(argc, argv, &options)) {
        fprintf(stderr, "usage: gen_receipts --count N [--first I] --lucid FILE --node FILE "
                        "--keys FILE --hashes FILE\n");
        return 2;
    }
    bench_signers_init(&gen.signers);
    keys_write(&gen, options.keys);
    receipts_write(&gen, &options);
    uint64_t canonical = 0;
    for (unsigned i = 0; i < BENCH_THREADS_MAX; i++) {
        canonical += gen.texts[i].canonical_bytes;
        lucid_buf_fini(&gen.texts[i].lucid);
        lucid_buf_fini(&gen.texts[i].node);
        lucid_buf_fini(&gen.texts[i].hashes);
        lucid_buf_fini(&gen.texts[i].work);
    }
    printf("%" PRIu64 " receipts, %" PRIu64 " bytes canonical on average\n", options.count,
           canonical / options.count);
    return 0;
}
