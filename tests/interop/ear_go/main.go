// Reads our attestation results with github.com/veraison/ear, which knows the older spelling, and
// checks the signature of the new one with the JOSE library under it.
//
// usage: earcheck FOLDER   what ear_tokens.py wrote
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/veraison/ear"
)

type expectation struct {
	Iat       int64
	Build     string
	Developer string
	Status    string
	Vector    map[string]int
	PublicKey string
}

var checks int

func must(good bool, format string, arguments ...any) {
	checks++
	if !good {
		fmt.Printf("FAILED: "+format+"\n", arguments...)
		os.Exit(1)
	}
}

func read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(os.Args[1], name))
	must(err == nil, "%s: %v", name, err)
	return data
}

func key(name string) jwk.Key {
	parsed, err := jwk.ParseKey(read(name))
	must(err == nil, "%s: %v", name, err)
	return parsed
}

// An attestation result in the older spelling, by the library for it.
func older(name string, want expectation, public jwk.Key) {
	var result ear.AttestationResult
	err := result.Verify(read(name+".jwt"), jwa.EdDSA(), public)
	must(err == nil, "%s: %v", name, err)
	must(*result.Profile == ear.EatProfile, "%s: profile %s", name, *result.Profile)
	must(*result.IssuedAt == want.Iat, "%s: iat %d", name, *result.IssuedAt)
	must(*result.VerifierID.Build == want.Build, "%s: build %s", name, *result.VerifierID.Build)
	must(*result.VerifierID.Developer == want.Developer, "%s: developer", name)
	must(len(result.Submods) == 1, "%s: %d submods", name, len(result.Submods))
	mod := result.Submods["cpu0"]
	must(mod != nil && ear.TrustTierToString[*mod.Status] == want.Status, "%s: status", name)
	for category, claim := range mod.TrustVector.AsMap() {
		must(int(claim) == want.Vector[category], "%s: %s is %d", name, category, claim)
	}
	before := *mod.Status
	result.UpdateStatusFromTrustVector()
	must(*mod.Status == before, "%s: the vector says worse than the status", name)
	must(mod.AppraisalPolicyID != nil && strings.HasPrefix(*mod.AppraisalPolicyID, "sha256:"),
		"%s: policy", name)
	must(len(*mod.VeraisonAnnotatedEvidence) > 0, "%s: annotated evidence", name)
	must(len(*mod.VeraisonPolicyClaims) > 0, "%s: policy claims", name)
	if want.PublicKey == "" {
		must(mod.VeraisonKeyAttestation == nil, "%s: a key, though nothing binds it", name)
		return
	}
	attested, err := mod.GetKeyAttestation()
	must(err == nil, "%s: key attestation: %v", name, err)
	bound, ok := attested.(ed25519.PublicKey)
	must(ok && hex.EncodeToString(bound) == want.PublicKey, "%s: another key is attested", name)
}

// One in the draft's spelling: the signature, by the JOSE library; the library for EAR (v1.1.3)
// does not know the profile and says so.
func draft(name string, public jwk.Key) {
	token := read(name + ".jwt")
	payload, err := jws.Verify(token, jws.WithKey(jwa.EdDSA(), public))
	must(err == nil, "%s: %v", name, err)
	must(json.Valid(payload), "%s: claims", name)
	message, err := jws.Parse(token)
	must(err == nil, "%s: %v", name, err)
	kid, ok := message.Signatures()[0].ProtectedHeaders().KeyID()
	own, _ := public.KeyID()
	must(ok && kid == own, "%s: kid %s", name, kid)
	var result ear.AttestationResult
	err = json.Unmarshal(payload, &result)
	must(err != nil && strings.Contains(err.Error(), "ear.verifier-id"),
		"%s: taken for the older spelling: %v", name, err)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Println("usage: earcheck FOLDER")
		os.Exit(2)
	}
	var expected map[string]expectation
	must(json.NewDecoder(bytes.NewReader(read("expected.json"))).Decode(&expected) == nil,
		"expected.json")
	signer, other := key("key.json"), key("other.json")
	for _, kind := range []string{"mock", "snp"} {
		older("veraison-"+kind, expected["veraison-"+kind], signer)
		draft("draft04-"+kind, signer)
		var result ear.AttestationResult
		must(result.Verify(read("veraison-"+kind+".jwt"), jwa.EdDSA(), other) != nil,
			"%s: good by another key", kind)
	}
	var forged ear.AttestationResult
	must(forged.Verify(read("veraison-forged.jwt"), jwa.EdDSA(), signer) != nil,
		"changed claims are good")
	_, err := jws.Verify(read("draft04-forged.jwt"), jws.WithKey(jwa.EdDSA(), signer))
	must(err != nil, "changed claims are good")
	fmt.Printf("%d checks: github.com/veraison/ear v1.1.3 reads the older spelling, jwx v3.0.8 "+
		"the signatures of both\n", checks)
}
