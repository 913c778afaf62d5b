/* The journal of `lucid receipt submit`: what was signed, before it is sent, so that a run that was
 * cut off is resumed with the same envelopes and nothing is logged twice.
 *
 * The file is NDJSON, mode 0600, locked (flock) while in use:
 *
 *   {"lucid_journal":1,"kind":"header","inputs":"<64 hex>"}   which inputs and service
 *   {"body":…,"receipt_hash":…,…}                             an envelope; the n-th is record n
 *   {"lucid_journal":1,"kind":"signed","count":N,"digest":"<64 hex>"}
 *       the first N records of the inputs are in the file; digest = rolling SHA-256 of their bytes:
 *       d_0 = 32 zero bytes, d_n = SHA-256(d_{n−1} ‖ SHA-256(record n)). Envelopes behind the last
 *       such line were never sent. The file is fsynced after it, before anything is sent.
 *   {"lucid_journal":1,"kind":"answered","count":N,"refused":[n,…]}
 *       the service has answered all records up to N; these of them it refused
 *   {"lucid_journal":1,"kind":"settled","records":[n,…]}
 *       records refused before and accepted in a later run */
#ifndef LUCID_TOOLS_JOURNAL_H
#define LUCID_TOOLS_JOURNAL_H

#include "base/sha256.h"

#define JOURNAL_PATH_BYTES_MAX 4096
#define JOURNAL_REFUSED_MAX    ((size_t)10 << 20)

struct journal {
    int fd;
    char path[JOURNAL_PATH_BYTES_MAX];
    uint64_t signed_count;
    uint64_t answered_count;
    uint8_t digest[LUCID_SHA256_BYTES]; /* d_signed_count */
    uint64_t *refused;                  /* ascending; answered and refused, not settled */
    size_t refused_count;
    size_t refused_cap;
};

/* d_n from d_{n−1} and the record's bytes, in place. */
void journal_digest_add(uint8_t digest[LUCID_SHA256_BYTES], struct lucid_span record);

/* Opens or creates the journal and reads where it stands; a torn end is cut off. inputs: SHA-256
 * over the names of the inputs and the service.
 * Errors: LUCID_RETRY_BUSY (another run holds it), LUCID_REFUSE_CONFLICT (of other inputs),
 * LUCID_REFUSE_INVALID (no journal), LUCID_RETRY_IO, LUCID_RETRY_MEMORY. */
enum lucid_error journal_open(const char *path, const uint8_t inputs[LUCID_SHA256_BYTES],
                              struct journal *ret, struct lucid_why *why) LUCID_WARN_UNUSED;
/* remove: also deletes the file. */
void journal_close(struct journal *journal, bool remove);

/* Appends envelopes (whole lines) that bring the count to `count`, the signed line, and fsyncs.
 * Errors: LUCID_RETRY_IO. */
enum lucid_error journal_signed(struct journal *journal, struct lucid_span lines, uint64_t count,
                                const uint8_t digest[LUCID_SHA256_BYTES],
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* All records up to count are answered; refused: those newly refused among them, ascending. */
enum lucid_error journal_answered(struct journal *journal, uint64_t count, const uint64_t *refused,
                                  size_t refused_count, struct lucid_why *why) LUCID_WARN_UNUSED;

/* Records refused before are accepted now. */
enum lucid_error journal_settled(struct journal *journal, const uint64_t *records, size_t count,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

/* Calls back for each envelope that has no accepting answer yet, in order: those refused in an
 * earlier run, then those never answered. Any error of fn ends the walk and is returned. */
typedef enum lucid_error journal_fn(void *context, uint64_t record, struct lucid_span envelope);
enum lucid_error journal_pending(struct journal *journal, journal_fn *fn, void *context,
                                 struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
