/* A report as Confidential Containers' attester writes it: {"attestation_report", "cert_chain"}.
 * The report stands there field by field, as the Rust crate `sev` (6.x, 7.x) serialises it: byte
 * strings as arrays of numbers, a TCB by its parts, reserved bytes left out. They are zero in every
 * report that snp_report_read takes, so the bytes that were signed come back exactly; where they
 * were not zero, the signature is wrong. */
#include "plugins/verifier/schemes/snp_json.h"

#include "plugins/verifier/field.h"

enum { DEPTH_MAX = 5, VALUE_BYTES_MAX = 8192 };

/* --- parts ------------------------------------------------------------------------------------ */

static void le_put(uint8_t *at, size_t len, uint64_t value)
{
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static bool number_read(const struct field *object, const char *name, size_t len, uint8_t *ret)
{
    uint64_t value = 0;
    struct field at = field_member(object, name);
    uint64_t max = len == 8 ? (UINT64_C(1) << 53) - 1 : (UINT64_C(1) << 8 * len) - 1;
    if (!field_required(&at) || !field_uint(&at, 0, max, &value)) {
        return false;
    }
    le_put(ret, len, value);
    return true;
}

/* null, or not there: *ret_there false, nothing is written. */
static bool optional_read(const struct field *object, const char *name, size_t len, bool *ret_there,
                          uint8_t *ret)
{
    struct field at = field_member(object, name);
    *ret_there = at.value != NULL && jcs_type(at.value) != JCS_NULL;
    return !*ret_there || number_read(object, name, len, ret);
}

static bool octets_read(const struct field *at, size_t min, size_t max, uint8_t *ret)
{
    if (!field_required(at) || !field_array(at, min, max)) {
        return false;
    }
    struct field one = field_walk(at);
    for (size_t i = 0; field_next(at, &one); i++) {
        uint64_t value = 0;
        if (!field_uint(&one, 0, UINT8_MAX, &value)) {
            return false;
        }
        ret[i] = (uint8_t)value;
    }
    return true;
}

static bool bytes_read(const struct field *object, const char *name, size_t len, uint8_t *ret)
{
    struct field at = field_member(object, name);
    return octets_read(&at, len, len, ret);
}

/* With a part `fmc` as Turin has it, else as the others. */
static bool tcb_read(const struct field *object, const char *name, uint8_t ret[8])
{
    static const char *const names[] = {"fmc", "bootloader", "tee", "snp", "microcode", NULL};
    struct field at = field_member(object, name);
    bool turin = false;
    if (!field_required(&at) || !field_object(&at, names) ||
        !optional_read(&at, "fmc", 1, &turin, &ret[0])) {
        return false;
    }
    size_t first = turin ? 1 : 0;
    return number_read(&at, "bootloader", 1, &ret[first]) &&
           number_read(&at, "tee", 1, &ret[first + 1]) &&
           number_read(&at, "snp", 1, &ret[turin ? 3 : 6]) &&
           number_read(&at, "microcode", 1, &ret[7]);
}

static bool firmware_read(const struct field *object, const char *name, uint8_t ret[3])
{
    static const char *const names[] = {"major", "minor", "build", NULL};
    struct field at = field_member(object, name);
    return field_required(&at) && field_object(&at, names) &&
           number_read(&at, "build", 1, &ret[0]) && number_read(&at, "minor", 1, &ret[1]) &&
           number_read(&at, "major", 1, &ret[2]);
}

static bool signature_read(const struct field *object, uint8_t *ret)
{
    static const char *const names[] = {"r", "s", NULL};
    struct field at = field_member(object, "signature");
    return field_required(&at) && field_object(&at, names) && bytes_read(&at, "r", 72, ret) &&
           bytes_read(&at, "s", 72, ret + 72);
}

/* --- the report ------------------------------------------------------------------------------- */

static bool fields_read(const struct field *report, uint8_t out[SNP_REPORT_BYTES])
{
    static const struct {
        const char *name;
        uint16_t at;
        uint8_t len;
        bool number;
    } fields[] = {
        {"version", 0x00, 4, true},         {"guest_svn", 0x04, 4, true},
        {"policy", 0x08, 8, true},          {"family_id", 0x10, 16, false},
        {"image_id", 0x20, 16, false},      {"vmpl", 0x30, 4, true},
        {"sig_algo", 0x34, 4, true},        {"plat_info", 0x40, 8, true},
        {"key_info", 0x48, 4, true},        {"report_data", 0x50, 64, false},
        {"measurement", 0x90, 48, false},   {"host_data", 0xc0, 32, false},
        {"id_key_digest", 0xe0, 48, false}, {"author_key_digest", 0x110, 48, false},
        {"report_id", 0x140, 32, false},    {"report_id_ma", 0x160, 32, false},
        {"chip_id", 0x1a0, 64, false},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        uint8_t *at = out + fields[i].at;
        if (!(fields[i].number ? number_read(report, fields[i].name, fields[i].len, at)
                               : bytes_read(report, fields[i].name, fields[i].len, at))) {
            return false;
        }
    }
    return true;
}

static bool report_read(const struct field *root, uint8_t out[SNP_REPORT_BYTES])
{
    static const char *const names[] = {"version",
                                        "guest_svn",
                                        "policy",
                                        "family_id",
                                        "image_id",
                                        "vmpl",
                                        "sig_algo",
                                        "current_tcb",
                                        "plat_info",
                                        "key_info",
                                        "report_data",
                                        "measurement",
                                        "host_data",
                                        "id_key_digest",
                                        "author_key_digest",
                                        "report_id",
                                        "report_id_ma",
                                        "reported_tcb",
                                        "cpuid_fam_id",
                                        "cpuid_mod_id",
                                        "cpuid_step",
                                        "chip_id",
                                        "committed_tcb",
                                        "current",
                                        "committed",
                                        "launch_tcb",
                                        "launch_mit_vector",
                                        "current_mit_vector",
                                        "signature",
                                        NULL};
    static const struct {
        const char *name;
        uint16_t at;
        uint8_t len;
    } optional[] = {
        {"cpuid_fam_id", 0x188, 1},      {"cpuid_mod_id", 0x189, 1},       {"cpuid_step", 0x18a, 1},
        {"launch_mit_vector", 0x1f8, 8}, {"current_mit_vector", 0x200, 8},
    };
    struct field report = field_member(root, "attestation_report");
    if (!field_required(&report) || !field_object(&report, names) || !fields_read(&report, out)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
        bool there;
        if (!optional_read(&report, optional[i].name, optional[i].len, &there,
                           out + optional[i].at)) {
            return false;
        }
    }
    return tcb_read(&report, "current_tcb", out + 0x38) &&
           tcb_read(&report, "reported_tcb", out + 0x180) &&
           tcb_read(&report, "committed_tcb", out + 0x1e0) &&
           firmware_read(&report, "current", out + 0x1e8) &&
           firmware_read(&report, "committed", out + 0x1ec) &&
           tcb_read(&report, "launch_tcb", out + 0x1f0) &&
           signature_read(&report, out + SNP_SIGNED_BYTES);
}

/* --- its certificates ------------------------------------------------------------------------- */

/* What is no VCEK and no VLEK is checked for its form and left: roots are pinned, and a list that
 * its owner brings along is none. */
static bool cert_read(const struct field *entry, struct snp_json *ret)
{
    static const char *const names[] = {"cert_type", "data", NULL};
    struct field type = field_member(entry, "cert_type");
    struct field data = field_member(entry, "data");
    uint8_t *bytes = field_alloc(entry, VALUE_BYTES_MAX);
    if (bytes == NULL || !field_object(entry, names) || !field_required(&type) ||
        !octets_read(&data, 0, VALUE_BYTES_MAX, bytes)) {
        return false;
    }
    bool leaf =
        jcs_type(type.value) == JCS_STRING && (lucid_span_is(jcs_string(type.value), "VCEK") ||
                                               lucid_span_is(jcs_string(type.value), "VLEK"));
    if (leaf && ret->leaf.len > 0) {
        return field_refuse(&type, "there is another VCEK or VLEK");
    }
    if (leaf) {
        ret->leaf = lucid_span(bytes, jcs_count(data.value));
    }
    return true;
}

static bool chain_read(const struct field *root, struct snp_json *ret)
{
    struct field chain = field_member(root, "cert_chain");
    if (chain.value == NULL || jcs_type(chain.value) == JCS_NULL) {
        return true;
    }
    if (!field_array(&chain, 0, APPRAISAL_CHAIN_MAX)) {
        return false;
    }
    struct field entry = field_walk(&chain);
    while (field_next(&chain, &entry)) {
        if (!cert_read(&entry, ret)) {
            return false;
        }
    }
    return chain.reading->error == LUCID_OK;
}

enum lucid_error snp_json_read(struct lucid_span text, struct lucid_arena *arena,
                               struct snp_json *ret, struct lucid_why *why)
{
    static const char *const names[] = {"attestation_report", "cert_chain", NULL};
    struct field_reading reading = {.code = "INVALID_EVIDENCE", .arena = arena, .why = why};
    struct field root;
    struct snp_json out = {0};
    uint8_t *report = lucid_arena_zalloc(arena, SNP_REPORT_BYTES);
    if (report == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error e = field_parse(&reading, text, SNP_JSON_BYTES_MAX, DEPTH_MAX, &root);
    if (e != LUCID_OK) {
        return e;
    }
    if (field_object(&root, names) && report_read(&root, report) && chain_read(&root, &out)) {
        out.report = lucid_span(report, SNP_REPORT_BYTES);
        *ret = out;
    }
    return reading.error;
}
