/* The TLS listener's certificate and key, from the files that the configuration names. */
#ifndef LUCID_LUCIDD_CERTIFICATE_H
#define LUCID_LUCIDD_CERTIFICATE_H

#include "http/tls.h"
#include "lucidd/config.h"

/* Reads both files and gives them to tls; on any failure what it had stays. The key file must be
 * readable for nobody else. Errors: those of datadir_file_read and http_tls_set; why->text names
 * the file. Thread: one at a time. */
enum lucid_error certificate_load(const struct config *config, struct http_tls *tls,
                                  struct lucid_why *why) LUCID_WARN_UNUSED;

/* The same while the service runs (SIGHUP), and a log line about how it went. tls NULL: there is
 * nothing to load. */
void certificate_reload(const struct config *config, struct http_tls *tls);

#endif
