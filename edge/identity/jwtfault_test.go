package identity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
)

// Row D12: refused JWTs are counted by reason, and each reason is logged now and then, without anything of the JWT.
func TestD12RefusedJWTsAreCountedByReason(t *testing.T) {
	is := keysOf(t)
	secret := []byte(someSecret)
	key := mustKey(t, setOf(t, jwk(t, is.rsa.Public(), jwkset.JWKMetadataOptions{KID: "r"}),
		jwk(t, secret, jwkset.JWKMetadataOptions{KID: "s"})))
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	hs := func(c jwt.Claims, header ...string) string {
		return "Bearer " + signed(t, jwt.SigningMethodHS256, secret, c, append(header, "kid", "s")...)
	}
	sent := map[string]string{
		"scheme":    "Basic YW5uOnNlY3JldA==",
		"malformed": "Bearer a.b.c",
		"algorithm": "Bearer " + signed(t, jwt.SigningMethodES256, is.ec256, claims(), "kid", "r"),
		"key":       "Bearer " + signed(t, jwt.SigningMethodRS256, is.rsa, claims(), "kid", "unknown"),
		"signature": "Bearer " + signed(t, jwt.SigningMethodRS256, is.otherRSA, claims(), "kid", "r"),
		"expired":   hs(claims("exp", at(-time.Hour))),
		"not_yet":   hs(claims("nbf", at(time.Hour))),
		"no_exp":    hs(claims("exp", nil)),
		"claims":    hs(claims("exp", "2099-01-01")),
		"critical":  hs(claims(), "crit", "x"),
		"subject":   hs(claims("sub", "")),
	}
	if len(sent) != len(jwtFaults) {
		t.Fatalf("%d of %d reasons", len(sent), len(jwtFaults))
	}
	var log bytes.Buffer
	who, refusals := NewWho(nil, key), NewRefusals(zerolog.New(&log))
	for reason, header := range sent {
		for range 3 {
			_, err := who.Identify(asking(t, "127.0.0.1", "Authorization: "+header))
			if refusals.Note(err); !errors.Is(err, ErrJWT) {
				t.Errorf("%s: %v", reason, err)
			}
		}
	}
	for reason, n := range refusals.All() {
		if n != 3 || sent[reason] == "" {
			t.Errorf("%s: %d", reason, n)
		}
	}
	for reason, header := range sent {
		_, token, _ := strings.Cut(header, " ")
		for _, part := range strings.Split(token, ".") {
			if len(part) > 3 && strings.Contains(log.String(), part) {
				t.Errorf("%s: the log repeats the JWT", reason)
			}
		}
	}
	if lines := strings.Count(log.String(), "a JWT was refused"); lines != len(sent) {
		t.Errorf("%d lines for %d reasons, three times each:\n%s", lines, len(sent), &log)
	}
}

// Keys for another use or of another kind are ignored, wherever they stand in the set.
func TestD12ForeignKeysArePassedOver(t *testing.T) {
	is := keysOf(t)
	agreement, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := []any{
		jwk(t, agreement.PublicKey(), jwkset.JWKMetadataOptions{KID: "agreement"}),
		jwk(t, is.otherRSA.Public(), jwkset.JWKMetadataOptions{USE: jwkset.UseEnc}),
		jwk(t, is.otherRSA.Public(), jwkset.JWKMetadataOptions{KID: "wraps", ALG: jwkset.AlgRSAOAEP}),
		jwk(t, is.ec256.Public(), jwkset.JWKMetadataOptions{KID: "agrees", ALG: jwkset.AlgECDHES}),
		jwk(t, []byte(strings.Repeat("k", 32)), jwkset.JWKMetadataOptions{KID: "cipher", ALG: jwkset.AlgA256GCM}),
		json.RawMessage(`{"kty":"EC","crv":"secp256k1","alg":"ES256K","x":"AA","y":"AA"}`),
		json.RawMessage(`{"kty":"OKP","crv":"X448","x":"AA"}`),
		json.RawMessage(`{"kty":"RSA","use":"tls","n":"AQAB","e":"AQAB"}`),
		json.RawMessage(`{"kty":"AKP","alg":"ML-DSA-65","pub":"AA","x":{"of":"another kind"}}`),
	}
	good := jwk(t, is.rsa.Public(), jwkset.JWKMetadataOptions{KID: "r"})
	for i := range len(foreign) + 1 {
		set := append(append(append([]any{}, foreign[:i]...), good), foreign[i:]...)
		k := mustKey(t, setOf(t, set...))
		if keys, others := k.Count(); keys != 1 || others != len(foreign) {
			t.Errorf("behind %d others: %d keys, %d others", i, keys, others)
		}
		wantSubject(t, "the good one", k, signed(t, jwt.SigningMethodRS256, is.rsa, claims(), "kid", "r"), "ann")
		wantSubject(t, "one that wraps", k, signed(t, jwt.SigningMethodRS256, is.otherRSA, claims(), "kid", "wraps"), "")
		wantSubject(t, "one that wraps, without id", k, signed(t, jwt.SigningMethodRS256, is.otherRSA, claims()), "")
		wantSubject(t, "a cipher's", k, signed(t, jwt.SigningMethodHS256, []byte(strings.Repeat("k", 32)), claims()), "")
	}
	for i, bad := range []any{jwk(t, is.weakRSA.Public(), jwkset.JWKMetadataOptions{}),
		json.RawMessage(`{"kty":"RSA","n":"!","e":"AQAB"}`)} {
		_, err := ParseJWTKey(setOf(t, foreign[0], good, foreign[1], bad))
		if want := []string{"key 4: ", "JWK 4 "}[i]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the fourth is bad: %v", err)
		}
	}
}
