#include "plugins/verifier/schemes/snp_report.h"

#include "base/assert.h"

#define REPORT_VERSION_MIN 2
#define REPORT_VERSION_MAX 5
#define ALGORITHM_P384     1
#define SIGNATURE_AT       SNP_SIGNED_BYTES
#define NUMBER_FIELD_BYTES 72 /* a field of the signature … */
#define NUMBER_BYTES       48 /* … and how much of it a number of P-384 fills */

const char *snp_product_name(enum snp_product product)
{
    static const char *const names[SNP_PRODUCTS] = {"", "Milan", "Genoa", "Turin"};
    lucid_assert(product < SNP_PRODUCTS);
    return names[product];
}

enum snp_product snp_product_find(struct lucid_span name)
{
    for (unsigned product = SNP_MILAN; product < SNP_PRODUCTS; product++) {
        if (lucid_span_is(name, snp_product_name((enum snp_product)product))) {
            return (enum snp_product)product;
        }
    }
    return SNP_UNKNOWN;
}

static uint32_t le32(const uint8_t *at)
{
    return __builtin_bswap32(lucid_get_be32(at));
}

static uint64_t le64(const uint8_t *at)
{
    return __builtin_bswap64(lucid_get_be64(at));
}

static bool all_zero(const uint8_t *at, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= at[i];
    }
    return any == 0;
}

/* The bytes that must be zero in a report of that version: where the first that is not stands. */
static const char *reserved_find(const uint8_t *at, uint32_t version)
{
    const struct {
        size_t from;
        size_t to;
        const char *name;
    } ranges[] = {
        {0x4c, 0x50, "0x4c"},
        {version < 3 ? 0x188 : 0x18b, 0x1a0, "0x188"},
        {0x1eb, 0x1ec, "0x1eb"},
        {0x1ef, 0x1f0, "0x1ef"},
        {version < 5 ? 0x1f8 : 0x208, SNP_SIGNED_BYTES, "0x1f8"},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (!all_zero(at + ranges[i].from, ranges[i].to - ranges[i].from)) {
            return ranges[i].name;
        }
    }
    return NULL;
}

static const char *signature_read(const uint8_t *at, struct snp_report *ret)
{
    const uint8_t *r = at + SIGNATURE_AT;
    const uint8_t *s = r + NUMBER_FIELD_BYTES;
    const uint8_t *rest = s + NUMBER_FIELD_BYTES;
    if (!all_zero(r + NUMBER_BYTES, NUMBER_FIELD_BYTES - NUMBER_BYTES) ||
        !all_zero(s + NUMBER_BYTES, NUMBER_FIELD_BYTES - NUMBER_BYTES) ||
        !all_zero(rest, (size_t)(at + SNP_REPORT_BYTES - rest))) {
        return "parse.signature_padding";
    }
    memcpy(ret->signature, r, NUMBER_BYTES);
    memcpy(ret->signature + NUMBER_BYTES, s, NUMBER_BYTES);
    return NULL;
}

/* What there is from version to version. */
static const char *head_read(const uint8_t *at, struct snp_report *ret, const char **ret_field)
{
    ret->version = le32(at);
    if (ret->version < REPORT_VERSION_MIN || ret->version > REPORT_VERSION_MAX) {
        return "parse.version";
    }
    if (le32(at + 0x34) != ALGORITHM_P384) {
        return "parse.algorithm";
    }
    ret->policy = le64(at + 0x08);
    *ret_field = "policy";
    if ((ret->policy >> SNP_POLICY_RESERVED_ONE & 1) == 0 || ret->policy >> SNP_POLICY_BITS != 0) {
        return "parse.reserved";
    }
    uint32_t key_info = le32(at + 0x48);
    *ret_field = "key_info";
    if (key_info >> 5 != 0) {
        return "parse.reserved";
    }
    uint32_t signing_key = key_info >> 2 & 7;
    if (signing_key != SNP_VCEK && signing_key != SNP_VLEK) {
        return "parse.signing_key";
    }
    ret->signing_key = (enum snp_signing_key)signing_key;
    ret->mask_chip_key = (key_info & 2) != 0;
    ret->author_key_en = (key_info & 1) != 0;
    *ret_field = reserved_find(at, ret->version);
    return *ret_field == NULL ? NULL : "parse.reserved";
}

static struct snp_firmware firmware_read(const uint8_t *at)
{
    return (struct snp_firmware){.build = at[0], .minor = at[1], .major = at[2]};
}

static void fields_read(const uint8_t *at, struct snp_report *ret)
{
    ret->guest_svn = le32(at + 0x04);
    ret->family_id = lucid_span(at + 0x10, 16);
    ret->image_id = lucid_span(at + 0x20, 16);
    ret->vmpl = le32(at + 0x30);
    ret->current_tcb = lucid_span(at + 0x38, 8);
    ret->platform_info = le64(at + 0x40);
    ret->report_data = lucid_span(at + 0x50, 64);
    ret->measurement = lucid_span(at + 0x90, 48);
    ret->host_data = lucid_span(at + 0xc0, 32);
    ret->id_key_digest = lucid_span(at + 0xe0, 48);
    ret->author_key_digest = lucid_span(at + 0x110, 48);
    ret->report_id = lucid_span(at + 0x140, 32);
    ret->report_id_ma = lucid_span(at + 0x160, 32);
    ret->reported_tcb = lucid_span(at + 0x180, 8);
    ret->chip_id = lucid_span(at + 0x1a0, SNP_CHIP_ID_BYTES);
    ret->chip_masked = all_zero(at + 0x1a0, SNP_CHIP_ID_BYTES);
    ret->committed_tcb = lucid_span(at + 0x1e0, 8);
    ret->current = firmware_read(at + 0x1e8);
    ret->committed = firmware_read(at + 0x1ec);
    ret->launch_tcb = lucid_span(at + 0x1f0, 8);
    if (ret->version >= 3) {
        ret->has_cpuid = true;
        ret->cpuid_family = at[0x188];
        ret->cpuid_model = at[0x189];
        ret->cpuid_stepping = at[0x18a];
    }
    if (ret->version >= 5) {
        ret->has_mitigations = true;
        ret->launch_mitigations = le64(at + 0x1f8);
        ret->current_mitigations = le64(at + 0x200);
    }
}

const char *snp_report_read(struct lucid_span bytes, struct snp_report *ret, const char **ret_field)
{
    memset(ret, 0, sizeof(*ret));
    *ret_field = "report";
    if (bytes.len != SNP_REPORT_BYTES) {
        return "parse.length";
    }
    const char *code = head_read(bytes.data, ret, ret_field);
    if (code != NULL) {
        return code;
    }
    *ret_field = "signature";
    code = signature_read(bytes.data, ret);
    if (code != NULL) {
        return code;
    }
    fields_read(bytes.data, ret);
    return NULL;
}

enum snp_product snp_report_product(const struct snp_report *report)
{
    static const struct {
        uint8_t family;
        uint8_t from;
        uint8_t to;
        enum snp_product product;
    } models[] = {
        {0x19, 0x00, 0x0f, SNP_MILAN},
        {0x19, 0x10, 0x1f, SNP_GENOA},
        {0x19, 0xa0, 0xaf, SNP_GENOA},
        {0x1a, 0x00, 0x11, SNP_TURIN},
    };
    for (size_t i = 0; report->has_cpuid && i < sizeof(models) / sizeof(models[0]); i++) {
        if (report->cpuid_family == models[i].family && report->cpuid_model >= models[i].from &&
            report->cpuid_model <= models[i].to) {
            return models[i].product;
        }
    }
    return SNP_UNKNOWN;
}

const char *snp_component_name(enum snp_component component)
{
    static const char *const names[SNP_COMPONENTS] = {"fmc", "bootLoader", "tee", "snp",
                                                      "microcode"};
    lucid_assert(component < SNP_COMPONENTS);
    return names[component];
}

bool snp_tcb_read(struct lucid_span bytes, enum snp_product product, struct snp_tcb *ret)
{
    lucid_assert(bytes.len == 8);
    const uint8_t *at = bytes.data;
    if (product == SNP_TURIN) {
        *ret = (struct snp_tcb){{at[0], at[1], at[2], at[3], at[7]}};
        return all_zero(at + 4, 3);
    }
    *ret = (struct snp_tcb){{0, at[0], at[1], at[6], at[7]}};
    return all_zero(at + 2, 4);
}

bool snp_tcb_at_most(const struct snp_tcb *a, const struct snp_tcb *b, enum snp_component *ret_more)
{
    for (unsigned i = 0; i < SNP_COMPONENTS; i++) {
        if (a->parts[i] > b->parts[i]) {
            *ret_more = (enum snp_component)i;
            return false;
        }
    }
    return true;
}
