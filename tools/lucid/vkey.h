/* The text of a log's verifier key, out of files and options. */
#ifndef LUCID_TOOLS_VKEY_H
#define LUCID_TOOLS_VKEY_H

#include "ledger/note.h"
#include "tools/lucid/cli.h"

#define VKEY_TEXT_BYTES (LEDGER_VKEY_BYTES_MAX + 64)

/* The first line of a file of VKEY_TEXT_BYTES - 1 bytes at most; what it says is for
 * ledger_vkey_parse. Errors: those of datadir_file_read. */
enum lucid_error vkey_file_read(const char *path, char ret_text[VKEY_TEXT_BYTES],
                                struct lucid_why *why) LUCID_WARN_UNUSED;

/* What --vkey says; else the file that --vkey-file names; else known ("" for none); else the key of
 * --data's directory. LUCID_NOTE_END: none of them was given. Errors: LUCID_REFUSE_INVALID, those
 * of vkey_file_read; LUCID_RETRY_MEMORY. */
enum lucid_error vkey_option_read(struct cli *cli, const char *known,
                                  char ret_text[VKEY_TEXT_BYTES],
                                  struct lucid_why *why) LUCID_WARN_UNUSED;
/* The same for a command that can do without: "" after a note when none was given. A malformed key
 * is CLI_USAGE; one of an unknown type is for the verdict to tell. Prints its errors. */
enum cli_exit vkey_option_load(struct cli *cli, char ret_text[VKEY_TEXT_BYTES]) LUCID_WARN_UNUSED;

#endif
