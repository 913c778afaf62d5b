/* Bearer tokens of the API: random, shown once, stored as SHA-256. Events token.created and
 * token.revoked, so that who was let in is part of the log. */
#ifndef LUCID_LEDGER_TOKEN_H
#define LUCID_LEDGER_TOKEN_H

#include "base/buf.h"
#include "ledger/ledger.h"

/* "lucid_" and 64 hex digits. */
#define TOKEN_TEXT_BYTES     70
#define TOKEN_ID_BYTES       16 /* hex digits: the first 8 bytes of the token's hash */
#define TOKEN_NAME_BYTES_MAX 128

extern const struct ledger_kind ledger_token_kind;

enum token_scope {
    TOKEN_READ = 1U << 0,
    TOKEN_ADMIN = 1U << 1, /* everything */
    TOKEN_PROXY = 1U << 2,
    TOKEN_FACILITATE = 1U << 3,
    TOKEN_ATTEST = 1U << 4,
    TOKEN_PASSPORT = 1U << 5,
    TOKEN_AUDIT = 1U << 6,
};
/* One scope's name, NULL for anything else; and back: 0 if unknown. */
const char *token_scope_name(uint32_t scope);
uint32_t token_scope_parse(struct lucid_span text);

struct ledger_token {
    char id[TOKEN_ID_BYTES + 1];
    char name[TOKEN_NAME_BYTES_MAX + 1];
    uint32_t scopes; /* of enum token_scope */
    uint64_t created_ms;
    uint64_t expires_ms; /* 0 = never */
    uint64_t revoked_ms; /* 0 = not */
};

enum token_verb { TOKEN_CREATE, TOKEN_REVOKE };

struct ledger_token_command {
    struct ledger_command command;
    struct ledger_token token; /* in: name, scopes, expires_ms / id; after success: as it stands */
    uint8_t hash[32];
    struct lucid_buf payload; /* freed by ledger_token_command_fini */
};

/* A fresh secret token text (NUL-terminated) from the system's generator. Wipe it after use. */
void ledger_token_generate(char ret_text[TOKEN_TEXT_BYTES + 1]);

/* TOKEN_CREATE: token.name, scopes, expires_ms and the secret text (only its hash is kept).
 * TOKEN_REVOKE: token.id; text NULL.
 * Refusals: INVALID_TOKEN with the member's name; decide: NOT_FOUND. */
enum lucid_error ledger_token_prepare(struct ledger_token_command *command, enum token_verb verb,
                                      const struct ledger_token *token, const char *text,
                                      struct lucid_why *why) LUCID_WARN_UNUSED;
void ledger_token_command_fini(struct ledger_token_command *command);

/* The live token of that text at that time. LUCID_NOTE_ABSENT if unknown, revoked or expired. */
enum lucid_error ledger_token_check(struct ledger_view *view, struct lucid_span text,
                                    uint64_t now_ms, struct ledger_token *ret) LUCID_WARN_UNUSED;
/* The first token whose id is above `after` (NULL: the first of all), in id order. */
enum lucid_error ledger_token_next(struct ledger_view *view, const char *after,
                                   struct ledger_token *ret) LUCID_WARN_UNUSED;

#endif
