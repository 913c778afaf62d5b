/* What the files of slsa.h share. */
#ifndef LUCID_PLUGINS_PASSPORT_SLSA_SLSA_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_SLSA_SLSA_INTERNAL_H

#include "plugins/passport/slsa/slsa.h"

#define SLSA_DEPTH_MAX 32

/* Base64 in the standard or the url-safe alphabet (not both), with all of its padding or none, into
 * the arena. LUCID_REFUSE_INVALID (nothing is said why), LUCID_RETRY_MEMORY. */
enum lucid_error slsa_base64_read(struct lucid_span text, struct lucid_arena *arena,
                                  struct lucid_span *ret) LUCID_WARN_UNUSED;

/* A refusal of the JSON reader under the code of this form. Returns error. */
enum lucid_error slsa_refused(enum lucid_error error, struct lucid_why *why);

/* Whether two builders can vouch for one another: different ids, and no key in common. */
bool slsa_builders_differ(const struct slsa_builder *a,
                          const struct slsa_builder *b) LUCID_WARN_UNUSED;

#endif
