/* The attestation report of AMD SEV-SNP, versions 2 to 5 (AMD 56860, SEV Secure Nested Paging
 * Firmware ABI Specification, table ATTESTATION_REPORT), little endian, always 1184 bytes.
 *
 * Thread: pure functions; the spans of a report point into the bytes that were read. */
#ifndef LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_REPORT_H
#define LUCID_PLUGINS_VERIFIER_SCHEMES_SNP_REPORT_H

#include "base/bytes.h"

#define SNP_REPORT_BYTES    1184
#define SNP_SIGNED_BYTES    0x2a0 /* what the signature covers: the report's front */
#define SNP_SIGNATURE_BYTES 96 /* r ‖ s, 48 bytes each, little endian, as snp_report has them */
#define SNP_CHIP_ID_BYTES   64

enum snp_product {
    SNP_UNKNOWN,
    SNP_MILAN,
    SNP_GENOA, /* and Bergamo, Siena: AMD's key service calls them Genoa */
    SNP_TURIN,
    SNP_PRODUCTS
};
const char *snp_product_name(enum snp_product product); /* "Milan" …; "" for SNP_UNKNOWN */
enum snp_product snp_product_find(struct lucid_span name);

/* Of a guest's policy. */
enum snp_policy_bit {
    SNP_POLICY_SMT = 16,
    SNP_POLICY_RESERVED_ONE = 17, /* always set */
    SNP_POLICY_MIGRATE_MA = 18,
    SNP_POLICY_DEBUG = 19,
    SNP_POLICY_SINGLE_SOCKET = 20,
    SNP_POLICY_CXL = 21,
    SNP_POLICY_AES_256_XTS = 22,
    SNP_POLICY_RAPL_DISABLED = 23,
    SNP_POLICY_CIPHERTEXT_HIDING = 24,
    SNP_POLICY_PAGE_SWAP_DISABLED = 25,
    SNP_POLICY_BITS /* from here on: must be zero */
};

/* Of the platform. */
enum snp_platform_bit {
    SNP_PLATFORM_SMT = 0,
    SNP_PLATFORM_TSME = 1,
    SNP_PLATFORM_ECC = 2,
    SNP_PLATFORM_RAPL_DISABLED = 3,
    SNP_PLATFORM_CIPHERTEXT_HIDING = 4,
    SNP_PLATFORM_ALIAS_CHECK = 5,
    SNP_PLATFORM_IOMMU_WRITE_SAFE = 6, /* Turin */
    SNP_PLATFORM_TIO = 7,
};
#define SNP_PLATFORM_KNOWN UINT64_C(0xff)

enum snp_signing_key {
    SNP_VCEK = 0, /* the chip's own */
    SNP_VLEK = 1, /* one that AMD gave to the cloud's operator */
};

struct snp_firmware {
    uint8_t major;
    uint8_t minor;
    uint8_t build;
};

struct snp_report {
    uint32_t version;
    uint32_t guest_svn;
    uint64_t policy;
    struct lucid_span family_id; /* 16 */
    struct lucid_span image_id;  /* 16 */
    uint32_t vmpl;               /* 0 to 3; 2^32 − 1: the host asked for it */
    uint64_t platform_info;
    enum snp_signing_key signing_key;
    bool mask_chip_key;
    bool author_key_en;
    struct lucid_span report_data;       /* 64 */
    struct lucid_span measurement;       /* 48 */
    struct lucid_span host_data;         /* 32 */
    struct lucid_span id_key_digest;     /* 48 */
    struct lucid_span author_key_digest; /* 48 */
    struct lucid_span report_id;         /* 32 */
    struct lucid_span report_id_ma;      /* 32 */
    bool has_cpuid;                      /* from version 3 on */
    uint8_t cpuid_family;
    uint8_t cpuid_model;
    uint8_t cpuid_stepping;
    struct lucid_span chip_id;     /* 64 */
    bool chip_masked;              /* it is all zero */
    struct lucid_span current_tcb; /* 8 each, to be read by product: snp_tcb_read */
    struct lucid_span reported_tcb;
    struct lucid_span committed_tcb;
    struct lucid_span launch_tcb;
    struct snp_firmware current;
    struct snp_firmware committed;
    bool has_mitigations; /* from version 5 on */
    uint64_t launch_mitigations;
    uint64_t current_mitigations;
    uint8_t signature[SNP_SIGNATURE_BYTES];
};

/* Reads a report. NULL: it is one; else the code "parse.…" of what is wrong with it, and in
 * *ret_field (static storage) where. *ret is then undefined.
 *
 * Refused, because AMD's specification gives it no meaning that could be judged: another length or
 * version; a signature algorithm other than ECDSA P-384 with SHA-384; a reserved signing key, or
 * none; policy bit 17 clear or a bit from 26 on set; any reserved byte or padding of the signature
 * that is not zero. Unknown bits of the platform information are no reason: the firmware tells more
 * of it with time; the step configuration says what it thinks of them. */
const char *snp_report_read(struct lucid_span bytes, struct snp_report *ret,
                            const char **ret_field);

/* The product of a report by its CPUID; SNP_UNKNOWN for version 2 and for others' processors. */
enum snp_product snp_report_product(const struct snp_report *report);

/* --- TCB -------------------------------------------------------------------------------------- */

enum snp_component {
    SNP_FMC, /* Turin only; 0 elsewhere */
    SNP_BOOT_LOADER,
    SNP_TEE,
    SNP_SNP,
    SNP_MICROCODE,
    SNP_COMPONENTS
};
const char *snp_component_name(enum snp_component component); /* "fmc", "bootLoader" … */

struct snp_tcb {
    uint8_t parts[SNP_COMPONENTS];
};

/* The eight bytes of a TCB version: boot loader, TEE, four reserved, SNP, microcode; on Turin FMC,
 * boot loader, TEE, SNP, three reserved, microcode. False: a reserved one is not zero. */
bool snp_tcb_read(struct lucid_span bytes, enum snp_product product,
                  struct snp_tcb *ret) LUCID_WARN_UNUSED;

/* Whether each component of a is at most that of b; if not, the first that is more. */
bool snp_tcb_at_most(const struct snp_tcb *a, const struct snp_tcb *b,
                     enum snp_component *ret_more) LUCID_WARN_UNUSED;

#endif
