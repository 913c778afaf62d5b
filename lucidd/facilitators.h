/* The file of facilitators and the keys that it names (x402/roster.h), read once at the start. */
#ifndef LUCID_LUCIDD_FACILITATORS_H
#define LUCID_LUCIDD_FACILITATORS_H

#include "lucidd/config.h"
#include "x402/roster.h"

/* Reads x402_facilitators_file, or makes the roster without one; each network that it names must be
 * one of the networks file's. Errors: those of datadir_file_read; LUCID_REFUSE_INVALID;
 * LUCID_RETRY_MEMORY. */
enum lucid_error facilitators_read(const struct config *config,
                                   const struct x402_networks *networks,
                                   struct x402_roster_file *ret,
                                   struct lucid_why *why) LUCID_WARN_UNUSED;
/* Reads the secrets that the file names (regular files that only this user or root may read) into
 * keys, X402_MEMBERS_MAX of datadir_secret_new; file's members point to them. */
enum lucid_error facilitators_keys_read(struct x402_roster_file *file,
                                        struct ledger_ed25519_key *keys,
                                        struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
