/* What the parts of passport.h share. */
#ifndef LUCID_PLUGINS_PASSPORT_PASSPORT_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_PASSPORT_INTERNAL_H

#include "plugins/passport/passport.h"

#define PASSPORT_APPLICATION_BYTES_MAX 63

/* passport_read for one who goes on after a wrong algorithm: *ret is then filled but for
 * public_key, kid and signature. draft: signature.value may be missing. LUCID_OK with
 * *ret_algorithm (as the document has it): len 0 where it is the right one. */
enum lucid_error passport_form_read(struct lucid_span text, bool draft, struct lucid_arena *arena,
                                    struct passport *ret, struct lucid_span *ret_algorithm,
                                    enum passport_fault *ret_fault,
                                    struct lucid_why *why) LUCID_WARN_UNUSED;

bool passport_application_is_good(struct lucid_span text);
/* https, http on a loopback host, or a path. */
bool passport_status_uri_is_good(struct lucid_span text);

#endif
