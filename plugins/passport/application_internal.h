/* What the files of applications share. */
#ifndef LUCID_PLUGINS_PASSPORT_APPLICATION_INTERNAL_H
#define LUCID_PLUGINS_PASSPORT_APPLICATION_INTERNAL_H

#include "plugins/passport/application.h"
#include "plugins/verifier/field.h"

#define APPLICATION_TEXT_BYTES_MAX ((size_t)4 * PASSPORT_NAME_CHARS_MAX)

/* Reads one document into *ret, which is zeroed; refusals are the reading's. */
void application_read(const struct field *document, struct application *ret);
void application_display_read(const struct field *at, struct application *ret);

/* Whether text that people will see has nothing unseen in it (base/visible.h); else refuses. */
bool application_shown_check(const struct field *at, struct lucid_span text);
/* An optional text of 1 … PASSPORT_NAME_CHARS_MAX characters, for people. */
bool application_text_read(const struct field *at, struct lucid_span *ret);
/* The same by bytes. */
bool application_bytes_read(const struct field *at, size_t max, struct lucid_span *ret);

/* An endpoint as a Host header has it. */
struct lucid_span application_endpoint_host(struct lucid_span endpoint);
/* In any case of its letters. */
bool application_same_text(struct lucid_span a, struct lucid_span b);

#endif
