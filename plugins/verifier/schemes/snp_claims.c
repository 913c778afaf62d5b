/* The claims of a SEV-SNP report as JSON. Numbers of 64 bits are hex, so that every reader keeps
 * them. */
#include <stdio.h>

#include "plugins/verifier/schemes/snp_internal.h"

static void hex_member(struct lucid_buf *out, const char *name, uint64_t value)
{
    char text[2 + 16 + 1];
    (void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
    lucid_json_member_cstr(out, name, text);
}

static void span_member(struct lucid_buf *out, const char *name, struct lucid_span value)
{
    lucid_json_member_hex(out, name, value.data, value.len);
}

static void tcb_member(struct lucid_buf *out, const char *name, const struct snp_tcb *tcb,
                       enum snp_product product)
{
    lucid_json_member(out, name);
    lucid_buf_char(out, '{');
    for (unsigned i = product == SNP_TURIN ? SNP_FMC : SNP_BOOT_LOADER; i < SNP_COMPONENTS; i++) {
        lucid_json_member_u64(out, snp_component_name((enum snp_component)i), tcb->parts[i]);
    }
    lucid_buf_char(out, '}');
}

static void firmware_member(struct lucid_buf *out, const char *name,
                            const struct snp_firmware *firmware)
{
    char text[3 * 4];
    (void)snprintf(text, sizeof(text), "%u.%u.%u", (unsigned)firmware->major,
                   (unsigned)firmware->minor, (unsigned)firmware->build);
    lucid_json_member_cstr(out, name, text);
}

struct bit_name {
    unsigned bit;
    const char *name;
};

static void bits_write(struct lucid_buf *out, uint64_t value, const struct bit_name *bits,
                       size_t count)
{
    hex_member(out, "value", value);
    for (size_t i = 0; i < count; i++) {
        lucid_json_member_bool(out, bits[i].name, (value >> bits[i].bit & 1) != 0);
    }
}

static void policy_member(struct lucid_buf *out, uint64_t policy)
{
    static const struct bit_name bits[] = {
        {SNP_POLICY_SMT, "smt"},
        {SNP_POLICY_MIGRATE_MA, "migrationAgent"},
        {SNP_POLICY_DEBUG, "debug"},
        {SNP_POLICY_SINGLE_SOCKET, "singleSocket"},
        {SNP_POLICY_CXL, "cxl"},
        {SNP_POLICY_AES_256_XTS, "aes256Xts"},
        {SNP_POLICY_RAPL_DISABLED, "raplDisabled"},
        {SNP_POLICY_CIPHERTEXT_HIDING, "ciphertextHiding"},
        {SNP_POLICY_PAGE_SWAP_DISABLED, "pageSwapDisabled"},
    };
    lucid_json_member(out, "policy");
    lucid_buf_char(out, '{');
    bits_write(out, policy, bits, sizeof(bits) / sizeof(bits[0]));
    lucid_json_member_u64(out, "abiMajor", policy >> 8 & 0xff);
    lucid_json_member_u64(out, "abiMinor", policy & 0xff);
    lucid_buf_char(out, '}');
}

static void platform_member(struct lucid_buf *out, uint64_t platform)
{
    static const struct bit_name bits[] = {
        {SNP_PLATFORM_SMT, "smt"},
        {SNP_PLATFORM_TSME, "tsme"},
        {SNP_PLATFORM_ECC, "ecc"},
        {SNP_PLATFORM_RAPL_DISABLED, "raplDisabled"},
        {SNP_PLATFORM_CIPHERTEXT_HIDING, "ciphertextHiding"},
        {SNP_PLATFORM_ALIAS_CHECK, "aliasCheckComplete"},
        {SNP_PLATFORM_IOMMU_WRITE_SAFE, "iommuWriteSafe"},
        {SNP_PLATFORM_TIO, "tio"},
    };
    lucid_json_member(out, "platform");
    lucid_buf_char(out, '{');
    bits_write(out, platform, bits, sizeof(bits) / sizeof(bits[0]));
    lucid_buf_char(out, '}');
}

static void identity_write(struct lucid_buf *out, const struct snp_report *report)
{
    span_member(out, "familyId", report->family_id);
    span_member(out, "imageId", report->image_id);
    span_member(out, "reportId", report->report_id);
    span_member(out, "reportIdMa", report->report_id_ma);
    if (report->chip_masked) {
        lucid_json_member_null(out, "chipId");
    } else {
        span_member(out, "chipId", report->chip_id);
    }
    span_member(out, "measurement", report->measurement);
    span_member(out, "hostData", report->host_data);
    span_member(out, "idKeyDigest", report->id_key_digest);
    span_member(out, "authorKeyDigest", report->author_key_digest);
    span_member(out, "reportData", report->report_data);
}

void snp_claims_write(const struct scheme_job *job, struct lucid_buf *out)
{
    const struct snp_claims *claims = snp_claims_of(job);
    const struct snp_report *report = &claims->report;
    lucid_buf_char(out, '{');
    lucid_json_member_u64(out, "reportVersion", report->version);
    lucid_json_member_cstr(out, "product", snp_product_name(claims->product));
    if (report->has_cpuid) {
        lucid_json_member_u64(out, "cpuidFamily", report->cpuid_family);
        lucid_json_member_u64(out, "cpuidModel", report->cpuid_model);
        lucid_json_member_u64(out, "cpuidStepping", report->cpuid_stepping);
    }
    lucid_json_member_cstr(out, "signingKey", report->signing_key == SNP_VLEK ? "vlek" : "vcek");
    if (claims->csp.len > 0) {
        lucid_json_member_str(out, "cspId", claims->csp);
    }
    lucid_json_member_cstr(out, "root", claims->path.test_root ? "test" : "amd");
    if (claims->path.test_root) {
        lucid_json_member_bool(out, "test", true);
    }
    lucid_json_member_u64(out, "guestSvn", report->guest_svn);
    lucid_json_member_u64(out, "vmpl", report->vmpl);
    policy_member(out, report->policy);
    platform_member(out, report->platform_info);
    identity_write(out, report);
    tcb_member(out, "reportedTcb", &claims->reported, claims->product);
    tcb_member(out, "committedTcb", &claims->committed, claims->product);
    tcb_member(out, "currentTcb", &claims->current, claims->product);
    tcb_member(out, "launchTcb", &claims->launch, claims->product);
    firmware_member(out, "committedFirmware", &report->committed);
    firmware_member(out, "currentFirmware", &report->current);
    if (report->has_mitigations) {
        hex_member(out, "launchMitigations", report->launch_mitigations);
        hex_member(out, "currentMitigations", report->current_mitigations);
    }
    lucid_buf_char(out, '}');
}
