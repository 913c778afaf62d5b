/* DIR/x402.keys: what challenges are MACed with (x402/challenge.h). Used by lucidd and lucid. */
#ifndef LUCID_LUCIDD_X402_KEYS_H
#define LUCID_LUCIDD_X402_KEYS_H

#include "lucidd/datadir.h"
#include "x402/challenge.h"

/* Appends a new key, which signs from the next start on; all older ones stay good (the oldest of
 * X402_KEYS_MAX goes). Makes the file if there is none. Errors: those of datadir_file_read and
 * datadir_file_write, LUCID_REFUSE_INVALID (the file is damaged), LUCID_RETRY_MEMORY. */
enum lucid_error x402_keys_file_rotate(const struct datadir *dir, uint64_t now_ms,
                                       struct lucid_why *why) LUCID_WARN_UNUSED;

/* Reads the keys, making a first one where there is no file. Errors likewise. */
enum lucid_error x402_keys_file_open(const struct datadir *dir, uint64_t now_ms,
                                     struct x402_keys **ret,
                                     struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
