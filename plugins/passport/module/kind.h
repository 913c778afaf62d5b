/* Kind `passport`: what the log keeps of passports.
 *
 * Events, each with an entry over its payload:
 *
 *   passport.issued   {"type":"passport.issued","version":1,"passportId","passportDigest",
 *                      "application","appraisals":[hex…],"policy","issuer": kid,"issuedAt",
 *                      "expiresAt","renewAfter","request","supersedes"?,"quote","mock","test"}
 *   passport.revoked  {"type":"passport.revoked","version":1,"passportId","passportDigest",
 *                      "reason","comment"?,"revokedAt","issuer"}
 *
 *   The signed passport is the blob passportDigest; the body of passport.issued, where there is
 *   one, has the disclosures. Times are integers, Unix seconds; digests "sha256:" and hex; request
 *   is the digest of what was signed to ask for it; quote, mock and test are true or false.
 *
 * Tables, numbers big-endian:
 *
 *   passports     id text                     → struct passport_row, see passport_row_read
 *   order         sequence u64                → id text
 *   applications  name text                   → id text of the newest
 *   requests      digest 32                   → id text
 *   ended         expires u64 s ‖ id text     → "": revoked, or with a successor; the status list
 *                                               is made of these
 *
 * Thread: see <lucid/plugin.h>. */
#ifndef LUCID_PLUGINS_PASSPORT_MODULE_KIND_H
#define LUCID_PLUGINS_PASSPORT_MODULE_KIND_H

#include <lucid/plugin.h>

#include "plugins/passport/passport.h"
#include "plugins/passport/status.h"

#define PASSPORT_KIND_NAME "passport"

enum passport_table {
    PASSPORT_PASSPORTS,
    PASSPORT_ORDER,
    PASSPORT_APPLICATIONS,
    PASSPORT_REQUESTS,
    PASSPORT_ENDED
};

extern const struct lucid_plugin_kind passport_kinds[]; /* a plugin's list */

struct passport_row {
    char id[PASSPORT_ID_BYTES_MAX + 1];
    uint64_t sequence;
    uint64_t leaf;
    uint64_t logged_ms;
    uint64_t issued_s;
    uint64_t expires_s;
    uint64_t renew_after_s;
    uint8_t digest[LUCID_SHA256_BYTES];
    bool mock;
    bool test;
    bool quote;         /* it publishes its evidence */
    uint64_t revoked_s; /* 0: not */
    enum status_reason reason;
    uint64_t revoked_sequence;
    uint64_t revoked_leaf;
    char successor[PASSPORT_ID_BYTES_MAX + 1]; /* "": none */
    uint64_t succeeded_s;
    char application[64];
};

/* Its status at a time; overlap: how long it stays valid beside its successor. */
void passport_row_status(const struct passport_row *row, uint64_t now_s, uint64_t overlap_s,
                         struct status_entry *ret);

/* LUCID_NOTE_ABSENT, LUCID_RETRY_BUSY, LUCID_FATAL_CORRUPT. */
enum lucid_error passport_row_find(const struct lucid_plugin_host *host,
                                   struct lucid_plugin_view *view, struct lucid_span id,
                                   struct passport_row *ret) LUCID_WARN_UNUSED;
/* The newest of an application. */
enum lucid_error passport_row_newest(const struct lucid_plugin_host *host,
                                     struct lucid_plugin_view *view, struct lucid_span application,
                                     struct passport_row *ret) LUCID_WARN_UNUSED;
/* The first with a sequence above `from`, or with newest_first the last below it (from 0: of all);
 * LUCID_NOTE_END: none. */
enum lucid_error passport_row_step(const struct lucid_plugin_host *host,
                                   struct lucid_plugin_view *view, uint64_t from, bool newest_first,
                                   struct passport_row *ret) LUCID_WARN_UNUSED;
/* What a request (its digest) was answered with before. */
enum lucid_error passport_row_request(const struct lucid_plugin_host *host,
                                      struct lucid_plugin_view *view,
                                      const uint8_t digest[LUCID_SHA256_BYTES],
                                      struct passport_row *ret) LUCID_WARN_UNUSED;

/* The first (row->id "") or next of those that were revoked or have a successor and have not
 * expired, in order of expiry. LUCID_NOTE_END: no more. */
enum lucid_error passport_row_ended(const struct lucid_plugin_host *host,
                                    struct lucid_plugin_view *view, uint64_t now_s,
                                    struct passport_row *row) LUCID_WARN_UNUSED;

/* An appraisal that an issue rests on: where the log has it. */
struct passport_rest {
    char item; /* of enum kind_item (plugins/verifier/module/kind.h) */
    uint8_t id[LUCID_SHA256_BYTES];
};

/* What is submitted; in memory of the call. */
struct passport_command {
    bool revokes;
    char id[PASSPORT_ID_BYTES_MAX + 1];
    struct lucid_plugin_bytes payload;
    struct lucid_plugin_bytes body; /* data NULL: none */
    uint8_t entry[LUCID_PLUGIN_ENTRY_BYTES];

    /* Of an issue. It is made for a log in which `newest` is the newest of its application ("":
     * there is none): when another came between, nothing is logged. The one that it supersedes,
     * which then is newest, is neither revoked nor expired, and when it is renewed it is time. A
     * request that renews (`newest`) and has its passport already: only if that one follows it. */
    uint8_t request[LUCID_SHA256_BYTES];
    char application[64];
    char newest[PASSPORT_ID_BYTES_MAX + 1];
    bool supersedes;
    bool renews;
    struct passport_rest rests[PASSPORT_APPRAISALS_MAX];
    size_t rest_count;

    bool ret_known; /* nothing was logged: the same request, or a revocation, is there */
    char ret_id[PASSPORT_ID_BYTES_MAX + 1];
};

#endif
