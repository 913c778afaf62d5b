/* Kind `attestation`: what the log keeps of appraisals, documents, collateral and claims.
 *
 * Events (docs/FORMAT.md): attestation.appraisal, attestation.policy, attestation.reference,
 * attestation.claims, attestation.interaction, each with an entry; attestation.collateral without.
 *
 * Tables, all keys and numbers big-endian:
 *
 *   items       kind u8 ‖ id 32         → sequence u64 ‖ leaf u64 ‖ time u64 ms ‖ summary, JSON
 *   order       kind u8 ‖ sequence u64  → id 32
 *   nonces      nonce 32                → id 32 ‖ digest of what was asked 32
 *   collateral  key text                → SHA-256 32 ‖ imported u64 s ‖ sequence u64
 *   imports     sequence u64            → SHA-256 32 ‖ imported u64 s ‖ key text
 *
 * id: of a record its SHA-256 (an appraisal, claims, an interaction), of a document the SHA-256 of
 * its canonical bytes (a policy, a reference set, an auditor's claims).
 *
 * Thread: see <lucid/plugin.h>. */
#ifndef LUCID_PLUGINS_VERIFIER_MODULE_KIND_H
#define LUCID_PLUGINS_VERIFIER_MODULE_KIND_H

#include <lucid/plugin.h>

#include "base/arena.h"
#include "base/sha256.h"
#include "plugins/kit/bytes.h"

#define KIND_NAME "attestation"

enum kind_table { KIND_ITEMS, KIND_ORDER, KIND_NONCES, KIND_COLLATERAL, KIND_IMPORTS };

enum kind_item {
    KIND_APPRAISAL = 'a',
    KIND_CLAIMS = 'c',
    KIND_CLAIMS_DOCUMENT = 'd', /* what claims were made of; in no order */
    KIND_INTERACTION = 'i',
    KIND_POLICY = 'p',
    KIND_REFERENCE = 'r',
};

extern const struct lucid_plugin_kind kind_attestation[]; /* a plugin's list */

/* --- commands --------------------------------------------------------------------------------- */

/* One event to be appended, in memory of the call. */
struct kind_command {
    const char *type;    /* of the event */
    enum kind_item item; /* unless is_collateral */
    bool is_collateral;
    uint8_t id[LUCID_SHA256_BYTES]; /* item: one that is there already is not logged again */
    struct lucid_plugin_bytes payload;
    struct lucid_plugin_bytes body;
    const uint8_t *entry; /* NULL: none */

    /* Of an appraisal: the nonce that it uses up. */
    const uint8_t *nonce;
    uint8_t asked[LUCID_SHA256_BYTES];
    bool repeatable; /* the same asked for again is answered, no refusal: it was paid for */

    /* Of collateral. */
    struct lucid_plugin_bytes key;
    uint8_t sha256[LUCID_SHA256_BYTES];
    uint64_t imported_s;
    bool ordered;  /* it was compared with the newest of its key, which must still be that */
    uint64_t seen; /* ordered: that one's sequence; 0: there was none */

    bool ret_known;                     /* nothing was logged: it is there */
    uint8_t ret_id[LUCID_SHA256_BYTES]; /* of what is there, or was logged */
};

/* Says that a challenge was answered before, by that appraisal: NONCE_USED. */
void kind_used_say(const uint8_t id[LUCID_SHA256_BYTES], struct lucid_plugin_why *ret);

/* --- snapshots -------------------------------------------------------------------------------- */

struct kind_row {
    uint8_t id[LUCID_SHA256_BYTES];
    uint64_t sequence;
    uint64_t leaf;
    uint64_t time_ms;
    struct lucid_span summary; /* the view's memory */
};

/* LUCID_NOTE_ABSENT, LUCID_RETRY_BUSY, LUCID_FATAL_CORRUPT. */
enum lucid_error kind_find(const struct lucid_plugin_host *host, struct lucid_plugin_view *view,
                           enum kind_item item, const uint8_t id[LUCID_SHA256_BYTES],
                           struct kind_row *ret) LUCID_WARN_UNUSED;

/* The first with a sequence above `from`, or with newest_first the last below it (from 0: of all);
 * LUCID_NOTE_END: none. */
enum lucid_error kind_step(const struct lucid_plugin_host *host, struct lucid_plugin_view *view,
                           enum kind_item item, uint64_t from, bool newest_first,
                           struct kind_row *ret) LUCID_WARN_UNUSED;

/* Whether a nonce was used: by which appraisal, asked for how. LUCID_NOTE_ABSENT: not yet. */
enum lucid_error kind_nonce(const struct lucid_plugin_host *host, struct lucid_plugin_view *view,
                            const uint8_t nonce[LUCID_SHA256_BYTES],
                            uint8_t ret_id[LUCID_SHA256_BYTES],
                            uint8_t ret_asked[LUCID_SHA256_BYTES]) LUCID_WARN_UNUSED;

struct kind_import {
    struct lucid_span key;
    uint8_t sha256[LUCID_SHA256_BYTES];
    uint64_t imported_s;
    uint64_t sequence;
};

/* The newest collateral of a key. LUCID_NOTE_ABSENT. */
enum lucid_error kind_collateral(const struct lucid_plugin_host *host,
                                 struct lucid_plugin_view *view, struct lucid_span key,
                                 struct kind_import *ret) LUCID_WARN_UNUSED;
/* As kind_step, of imports. */
enum lucid_error kind_import_step(const struct lucid_plugin_host *host,
                                  struct lucid_plugin_view *view, uint64_t from, bool newest_first,
                                  struct kind_import *ret) LUCID_WARN_UNUSED;

/* What was asked for, whenever it was: SHA-256 over the digests of the policy (its id), of the
 * runtime data and of all evidences (at most APPRAISAL_EVIDENCES_MAX). */
void kind_asked(const uint8_t policy[LUCID_SHA256_BYTES], struct lucid_span runtime_data,
                const struct lucid_span *evidences, size_t count, uint8_t ret[LUCID_SHA256_BYTES]);

#endif
