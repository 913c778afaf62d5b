//! Reads our attestation results with the crate `ear`, which knows draft-ietf-rats-ear-04.
//!
//! usage: ear_check FOLDER   what ear_tokens.py wrote

use ear::{Algorithm, Ear, TrustTier, EAR_PROFILE};
use serde_json::Value;

struct Check {
    folder: String,
    count: u32,
}

impl Check {
    fn must(&mut self, good: bool, what: &str) {
        self.count += 1;
        if !good {
            println!("FAILED: {what}");
            std::process::exit(1);
        }
    }

    fn read(&self, name: &str) -> String {
        let path = format!("{}/{name}", self.folder);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn draft(&mut self, name: &str, want: &Value, key: &[u8]) {
        let token = self.read(&format!("{name}.jwt"));
        let ear = match Ear::from_jwt_jwk(&token, Algorithm::EdDSA, key) {
            Ok(ear) => ear,
            Err(error) => {
                self.must(false, &format!("{name}: {error}"));
                return;
            }
        };
        let status = match want["status"].as_str() {
            Some("warning") => TrustTier::Warning,
            _ => TrustTier::Affirming,
        };
        self.must(ear.profile == EAR_PROFILE, "profile");
        self.must(Some(ear.iat) == want["iat"].as_i64(), "iat");
        self.must(ear.exp.is_some_and(|exp| exp > ear.iat), "exp");
        self.must(
            Some(ear.vid.build.as_str()) == want["build"].as_str(),
            "build",
        );
        self.must(
            Some(ear.vid.developer.as_str()) == want["developer"].as_str(),
            "developer",
        );
        self.must(ear.status == Some(status), "status of the whole");
        self.must(ear.submods.len() == 1, "submods");
        let module = &ear.submods["cpu0"];
        self.must(module.status == status, "status");
        for (category, number) in want["vector"].as_object().expect("vector") {
            let claim = module.trust_vector.by_name(category).expect("a category");
            self.must(Some(i64::from(claim.get())) == number.as_i64(), category);
        }
        self.must(
            module.policy_ids.len() == 1 && module.policy_ids[0].starts_with("sha256:"),
            "policy",
        );
        self.must(!module.attester_claims.is_empty(), "attester claims");
        self.must(
            module.verifier_claims.contains_key("lucid.steps"),
            "verifier claims",
        );
        let public = want["publicKey"].as_str().expect("publicKey");
        match &module.key_attestation {
            // The raw key ends its SubjectPublicKeyInfo.
            Some(attested) => {
                let hex: String = attested
                    .pub_key
                    .as_slice()
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect();
                self.must(!public.is_empty() && hex.ends_with(public), "attested key");
                self.must(module.nonce.is_some(), "nonce");
            }
            None => self.must(public.is_empty(), "attested key is missing"),
        }
    }

    fn refused(&mut self, name: &str, key: &[u8], what: &str) {
        let token = self.read(&format!("{name}.jwt"));
        let result = Ear::from_jwt_jwk(&token, Algorithm::EdDSA, key);
        self.must(result.is_err(), what);
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("usage: ear_check FOLDER");
    let mut check = Check { folder, count: 0 };
    let expected: Value =
        serde_json::from_str(&check.read("expected.json")).expect("expected.json");
    let key = check.read("key.json");
    let other = check.read("other.json");
    for name in ["draft04-mock", "draft04-snp"] {
        check.draft(name, &expected[name], key.as_bytes());
        check.refused(name, other.as_bytes(), "good by another key");
    }
    check.refused("draft04-forged", key.as_bytes(), "changed claims are good");
    println!(
        "{} checks: the crate ear 0.6.0 reads results of draft -04, signed with EdDSA",
        check.count
    );
}
