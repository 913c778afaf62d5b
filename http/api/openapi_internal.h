/* The OpenAPI document of the routes in api.c (http/api/openapi.json), built into the program. */
#ifndef LUCID_HTTP_API_OPENAPI_INTERNAL_H
#define LUCID_HTTP_API_OPENAPI_INTERNAL_H

#include "base/buf.h"

extern const unsigned char api_openapi_document[];
extern const size_t api_openapi_document_len;

/* One document of several: members of objects are united, recursively, and lists are appended to
 * each other; anything else that two of them hold must be equal. So a plugin's fragment brings its
 * paths, schemas and error codes, and cannot change what another says. count ≥ 1. Errors:
 * LUCID_REFUSE_INVALID (no JSON object), LUCID_REFUSE_CONFLICT (param: the member that two give
 * differently), LUCID_RETRY_MEMORY; out then holds a part. */
enum lucid_error api_openapi_unite(const struct lucid_span *documents, size_t count,
                                   struct lucid_buf *out, struct lucid_why *why) LUCID_WARN_UNUSED;

struct plugin;

/* The document of a plugin that has none: its routes with their parameters, and nothing about what
 * they take and give. */
void api_plugin_document_write(const struct plugin *plugin, struct lucid_buf *out);

/* Whether the paths and methods of a plugin's document are just its routes, and it says nothing but
 * paths, components and tags. LUCID_REFUSE_INVALID (PLUGIN_INVALID), LUCID_RETRY_MEMORY. */
enum lucid_error api_plugin_document_judge(const struct plugin *plugin,
                                           struct lucid_why *why) LUCID_WARN_UNUSED;

#endif
