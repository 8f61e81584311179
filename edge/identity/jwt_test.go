package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

const someSecret = "correct-horse-battery-staple-0123456789"

// issuers has one key of each kind. The keys are made once, because RSA is slow.
type issuers struct {
	rsa, otherRSA, weakRSA *rsa.PrivateKey
	ec256, ec384, ec224    *ecdsa.PrivateKey
	ed                     ed25519.PrivateKey
}

var makeIssuers = sync.OnceValues(func() (is issuers, err error) {
	for bits, key := range map[int]**rsa.PrivateKey{2048: &is.rsa, 2049: &is.otherRSA, 1024: &is.weakRSA} {
		k, e := rsa.GenerateKey(rand.Reader, bits)
		*key, err = k, errors.Join(err, e)
	}
	for curve, key := range map[elliptic.Curve]**ecdsa.PrivateKey{elliptic.P256(): &is.ec256, elliptic.P384(): &is.ec384,
		elliptic.P224(): &is.ec224} {
		k, e := ecdsa.GenerateKey(curve, rand.Reader)
		*key, err = k, errors.Join(err, e)
	}
	_, ed, e := ed25519.GenerateKey(rand.Reader)
	is.ed = ed
	return is, errors.Join(err, e)
})

func keysOf(t testing.TB) issuers {
	t.Helper()
	is, err := makeIssuers()
	if err != nil {
		t.Fatal(err)
	}
	return is
}

func pemOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// claims is ann's claims for an hour, with some changed. nil removes a claim.
func claims(changed ...any) jwt.MapClaims {
	now := time.Now()
	c := jwt.MapClaims{"sub": "ann", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix()}
	for i := 0; i < len(changed); i += 2 {
		if c[changed[i].(string)] = changed[i+1]; changed[i+1] == nil {
			delete(c, changed[i].(string))
		}
	}
	return c
}

func signed(t testing.TB, m jwt.SigningMethod, key any, c jwt.Claims, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(m, c)
	for i := 0; i < len(header); i += 2 {
		token.Header[header[i]] = header[i+1]
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func mustKey(t testing.TB, text []byte) *JWTKey {
	t.Helper()
	k, err := ParseJWTKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// wantSubject checks that the key accepts the JWT. With "" it checks that the key refuses the JWT, and that the error repeats
// nothing of it.
func wantSubject(t *testing.T, what string, k *JWTKey, text, want string) {
	t.Helper()
	got, err := k.subject([]byte("Bearer " + text))
	if want != "" && (err != nil || got != want) || want == "" && (!errors.Is(err, ErrJWT) || got != "") {
		t.Errorf("%s: %q %v, want %q", what, got, err, want)
	}
	if err != nil && len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
		t.Errorf("%s: %v repeats the JWT", what, err)
	}
}

func TestJWTOfEachKind(t *testing.T) {
	is := keysOf(t)
	secret := []byte(someSecret)
	both := append(pemOf(t, is.otherRSA), pemOf(t, is.ec256)...)
	for _, c := range []struct {
		name string
		key  []byte
		m    jwt.SigningMethod
		with any
		want string
	}{
		{"RS256", pemOf(t, is.rsa), jwt.SigningMethodRS256, is.rsa, "ann"},
		{"PS512", pemOf(t, is.rsa), jwt.SigningMethodPS512, is.rsa, "ann"},
		{"ES256", pemOf(t, is.ec256), jwt.SigningMethodES256, is.ec256, "ann"},
		{"ES384", pemOf(t, is.ec384), jwt.SigningMethodES384, is.ec384, "ann"},
		{"EdDSA", pemOf(t, is.ed), jwt.SigningMethodEdDSA, is.ed, "ann"},
		{"HS256", secret, jwt.SigningMethodHS256, secret, "ann"},
		{"HS384, a line", []byte(someSecret + "\n"), jwt.SigningMethodHS384, secret, "ann"},
		{"HS512, a line of DOS", []byte(someSecret + "\r\n"), jwt.SigningMethodHS512, secret, "ann"},
		{"HS256, bytes that end like a line", oddSecret, jwt.SigningMethodHS256, oddSecret, "ann"},
		{"two in PEM, the first", both, jwt.SigningMethodRS256, is.otherRSA, "ann"},
		{"two in PEM, the second", both, jwt.SigningMethodES256, is.ec256, "ann"},
		{"two in PEM, neither", both, jwt.SigningMethodRS256, is.rsa, ""},
		{"another RSA key", pemOf(t, is.rsa), jwt.SigningMethodRS256, is.otherRSA, ""},
		{"another secret", secret, jwt.SigningMethodHS256, []byte(someSecret + "x"), ""},
		{"the public key as a secret", pemOf(t, is.rsa), jwt.SigningMethodHS256, pemOf(t, is.rsa), ""},
		{"the Ed25519 key as a secret", pemOf(t, is.ed), jwt.SigningMethodHS256, []byte(is.ed.Public().(ed25519.PublicKey)), ""},
		{"none", pemOf(t, is.rsa), jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ""},
		{"none under a secret", secret, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, ""},
		{"ECDSA under an RSA key", pemOf(t, is.rsa), jwt.SigningMethodES256, is.ec256, ""},
		{"another curve's algorithm", pemOf(t, is.ec256), wrongCurve{jwt.SigningMethodES384}, is.ec256, ""},
		{"another curve", pemOf(t, is.ec256), jwt.SigningMethodES384, is.ec384, ""},
	} {
		wantSubject(t, c.name, mustKey(t, c.key), signed(t, c.m, c.with, claims(), "kid", "whatever"), c.want)
	}
}

// wrongCurve signs ES384 with a P-256 key, which the library's own method refuses.
type wrongCurve struct{ *jwt.SigningMethodECDSA }

func (m wrongCurve) Sign(text string, key any) ([]byte, error) {
	sum := sha512.Sum384([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
	if err != nil {
		return nil, err
	}
	return append(r.FillBytes(make([]byte, m.KeySize)), s.FillBytes(make([]byte, m.KeySize))...), nil
}

var oddSecret = []byte(strings.Repeat("\x01", 31) + "\n")

func TestJWTClaims(t *testing.T) {
	k := mustKey(t, []byte(someSecret))
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, c := range []struct {
		name   string
		claims jwt.Claims
		want   string
	}{
		{"all is well", claims(), "ann"},
		{"no iat, no nbf", claims("iat", nil, "nbf", nil), "ann"},
		{"other claims", claims("aud", "x", "Sub", "bob", "SUB", "eve"), "ann"},
		{"a clock a little off", claims("nbf", at(5*time.Second), "iat", at(5*time.Second)), "ann"},
		{"the longest id", claims("sub", strings.Repeat("a", 256)), strings.Repeat("a", 256)},
		{"expired", claims("exp", at(-time.Minute)), ""},
		{"no exp", claims("exp", nil), ""},
		{"exp null", jwt.MapClaims{"sub": "ann", "exp": nil}, ""},
		{"exp as text", claims("exp", "2099-01-01"), ""},
		{"exp beyond time", claims("exp", json.Number("1e300")), ""},
		{"exp 0", claims("exp", 0), ""},
		{"not yet", claims("nbf", at(time.Minute)), ""},
		{"nbf as text", claims("nbf", "now"), ""},
		{"of tomorrow", claims("iat", at(24*time.Hour)), ""},
		{"no sub", claims("sub", nil), ""},
		{"sub empty", claims("sub", ""), ""},
		{"sub a number", claims("sub", 7), ""},
		{"sub a list", claims("sub", []string{"ann"}), ""},
		{"sub too long", claims("sub", strings.Repeat("a", 257)), ""},
		{"sub with DEL", claims("sub", "ann\x7f"), ""},
		{"sub with a line end", claims("sub", "ann\n"), ""},
		{"only Sub", claims("sub", nil, "Sub", "ann"), ""},
	} {
		wantSubject(t, c.name, k, signed(t, jwt.SigningMethodHS256, []byte(someSecret), c.claims), c.want)
	}
	wantSubject(t, "critical extension", k, signed(t, jwt.SigningMethodHS256, []byte(someSecret), claims(), "crit", "x"), "")
}

func TestBearer(t *testing.T) {
	k := mustKey(t, []byte(someSecret))
	good := signed(t, jwt.SigningMethodHS256, []byte(someSecret), claims())
	for header, ok := range map[string]bool{
		"Bearer " + good: true, "bearer   " + good: true, "BEARER " + good: true,
		"": false, "Bearer": false, "Bearer ": false, good: false, "Basic " + good: false, "Bearer" + good: false,
		"Bearer\t" + good:      false,
		"Bearer " + good + "x": false, "Bearer " + good + " ": false, "Bearer " + good + ".x": false, "Bearer " + good + "=": false,
		"Bearer " + good[1:]: false, "Bearer a.b.c": false, "Bearer ..": false, "Bearer " + good + ", Bearer " + good: false,
	} {
		if got, err := k.subject([]byte(header)); ok != (err == nil && got == "ann") || !ok && !errors.Is(err, ErrJWT) {
			t.Errorf("%q: %q %v", header, got, err)
		}
	}
}

// A JWT has only one text, as a token has.
func TestEveryChangedCharacterOfAJWTIsRefused(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/\n "
	k := mustKey(t, []byte(someSecret))
	good := signed(t, jwt.SigningMethodHS256, []byte(someSecret), claims("iat", nil, "nbf", nil))
	for i := range good {
		for _, c := range []byte(alphabet) {
			if c != good[i] && (i > 0 || c != ' ') { // a blank before it belongs to Bearer
				wantSubject(t, "changed", k, good[:i]+string(c)+good[i+1:], "")
			}
		}
	}
}

func TestJWTOrHeader(t *testing.T) {
	good := "Authorization: Bearer " + signed(t, jwt.SigningMethodHS256, []byte(someSecret), claims())
	bad := "Authorization: Bearer " + signed(t, jwt.SigningMethodHS256, []byte(someSecret+"x"), claims())
	with, without := NewWho(TrustedByDefault(), mustKey(t, []byte(someSecret))), NewWho(TrustedByDefault(), nil)
	bob := Identity{Buyer: BuyerOf([]byte("bob")), Known: true}
	for _, c := range []struct {
		name  string
		who   *Who
		peer  string
		lines []string
		want  Identity
		err   error
	}{
		{"a JWT, from anywhere", with, "10.0.0.1", []string{good}, ann, nil},
		{"a JWT wins", with, "127.0.0.1", []string{"X-Buyer-Id: bob", good}, ann, nil},
		{"also over nonsense", with, "127.0.0.1", []string{"X-Buyer-Id:", good}, ann, nil},
		{"no JWT", with, "127.0.0.1", []string{"X-Buyer-Id: bob"}, bob, nil},
		{"a bad JWT is not made good", with, "127.0.0.1", []string{"X-Buyer-Id: bob", bad}, Identity{}, ErrJWT},
		{"an empty one neither", with, "127.0.0.1", []string{"X-Buyer-Id: bob", "Authorization:"}, Identity{}, ErrJWT},
		{"two", with, "127.0.0.1", []string{good, good}, Identity{}, ErrIdentity},
		{"no key, no JWT", without, "127.0.0.1", []string{good}, Identity{}, nil},
		{"no key, a bad JWT", without, "127.0.0.1", []string{"X-Buyer-Id: bob", bad}, bob, nil},
	} {
		if got, err := c.who.Identify(asking(t, c.peer, c.lines...)); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v %v", c.name, got, err)
		}
	}
}

// jwk is a key as a member of a JWK Set.
func jwk(t testing.TB, key any, meta jwkset.JWKMetadataOptions) jwkset.JWKMarshal {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: meta, Marshal: jwkset.JWKMarshalOptions{Private: true}})
	if err != nil {
		t.Fatal(err)
	}
	return k.Marshal()
}

func setOf(t testing.TB, keys ...any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJWKSet(t *testing.T) {
	is := keysOf(t)
	set := setOf(t, jwk(t, is.rsa.Public(), jwkset.JWKMetadataOptions{KID: "r", ALG: jwkset.AlgRS256, USE: jwkset.UseSig}),
		jwk(t, is.ec256.Public(), jwkset.JWKMetadataOptions{KID: "e"}), jwk(t, is.ed.Public(), jwkset.JWKMetadataOptions{KID: "d"}),
		jwk(t, []byte(someSecret), jwkset.JWKMetadataOptions{KID: "s"}),
		jwk(t, is.otherRSA.Public(), jwkset.JWKMetadataOptions{KID: "enc", USE: jwkset.UseEnc}),
		jwk(t, is.ec384.Public(), jwkset.JWKMetadataOptions{KID: "wrap", KEYOPS: []jwkset.KEYOPS{jwkset.KeyOpsWrapKey}}),
		map[string]string{"kty": "NEW", "kid": "n"})
	k := mustKey(t, append([]byte("\ufeff \n"), set...))
	for _, c := range []struct {
		name string
		m    jwt.SigningMethod
		with any
		kid  string
		want string
	}{
		{"RSA by id", jwt.SigningMethodRS256, is.rsa, "r", "ann"},
		{"ECDSA by id", jwt.SigningMethodES256, is.ec256, "e", "ann"},
		{"Ed25519 by id", jwt.SigningMethodEdDSA, is.ed, "d", "ann"},
		{"a secret by id", jwt.SigningMethodHS256, []byte(someSecret), "s", "ann"},
		{"RSA without id", jwt.SigningMethodRS256, is.rsa, "", "ann"},
		{"a secret without id", jwt.SigningMethodHS256, []byte(someSecret), "", "ann"},
		{"an id nobody has", jwt.SigningMethodRS256, is.rsa, "x", ""},
		{"another's id", jwt.SigningMethodRS256, is.rsa, "e", ""},
		{"not the key's algorithm", jwt.SigningMethodRS512, is.rsa, "r", ""},
		{"a key for encryption", jwt.SigningMethodRS256, is.otherRSA, "enc", ""},
		{"a key for encryption, without id", jwt.SigningMethodRS256, is.otherRSA, "", ""},
		{"a key for wrapping", jwt.SigningMethodES384, is.ec384, "wrap", ""},
		{"the public key as a secret", jwt.SigningMethodHS256, pemOf(t, is.rsa), "r", ""},
		{"none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "r", ""},
	} {
		var header []string
		if c.kid != "" {
			header = []string{"kid", c.kid}
		}
		wantSubject(t, c.name, k, signed(t, c.m, c.with, claims(), header...), c.want)
	}
}

func TestJWTKeysThatAreRefused(t *testing.T) {
	is := keysOf(t)
	der := func(key crypto.Signer) []byte {
		block, _ := pem.Decode(pemOf(t, key))
		return block.Bytes
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(is.ec256)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing":                      nil,
		"a short secret":               []byte(someSecret[:31] + "\n"),
		"weak RSA":                     pemOf(t, is.weakRSA),
		"P-224":                        pemOf(t, is.ec224),
		"a private key":                pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		"a good key and a private one": append(pemOf(t, is.rsa), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...),
		"broken PEM":                   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}),
		"half a PEM":                   pemOf(t, is.rsa)[:100],
		"DER":                          der(is.rsa),
		"DER and a line end":           append(der(is.ec256), '\n'),
		"DER of PKCS #1":               x509.MarshalPKCS1PublicKey(&is.rsa.PublicKey),
		"DER in base64":                []byte(base64.StdEncoding.EncodeToString(der(is.ed)) + "\n"),
		"OpenSSH":                      []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNpY2FkYSBjaWNhZGEgY2ljYWRhIGNpY2FkYSBj ann"),
		"a list of JWKs":               []byte(`[{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]`),
		"one JWK":                      []byte(`{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`),
		"an empty set":                 setOf(t),
		"a set of nothing to verify":   setOf(t, jwk(t, is.rsa.Public(), jwkset.JWKMetadataOptions{USE: jwkset.UseEnc})),
		"a set with a private key":     setOf(t, jwk(t, is.ec256, jwkset.JWKMetadataOptions{})),
		"a set with a short secret":    setOf(t, jwk(t, []byte("short"), jwkset.JWKMetadataOptions{})),
		"a set with weak RSA":          setOf(t, jwk(t, is.weakRSA.Public(), jwkset.JWKMetadataOptions{})),
		"a malformed set":              []byte(`{"keys":[{"kty":"RSA","n":"!","e":"AQAB"}]}`),
		"no JSON":                      []byte(`{"keys":[` + someSecret),
	} {
		if k, err := ParseJWTKey(text); !errors.Is(err, ErrJWTKey) || k != nil {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), someSecret[:10]) {
			t.Errorf("%s: %v repeats it", name, err)
		}
	}
}

func TestLoadJWTKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		path string
		warn bool
	}{
		{write("own", []byte(someSecret), 0o600), false},
		{write("open", []byte(someSecret), 0o644), true},
		{write("public", pemOf(t, keysOf(t).ec256), 0o644), false},
	} {
		if k, warning, err := LoadJWTKey(c.path); err != nil || k == nil || (warning != "") != c.warn {
			t.Errorf("%s: %q %v", c.path, warning, err)
		}
	}
	for _, path := range []string{filepath.Join(dir, "none"), dir, write("short", []byte("short"), 0o600)} {
		if _, _, err := LoadJWTKey(path); !errors.Is(err, ErrJWTKey) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzBearer: an accepted JWT is the signed one, byte for byte.
func FuzzBearer(f *testing.F) {
	k := mustKey(f, []byte(someSecret))
	good := signed(f, jwt.SigningMethodHS256, []byte(someSecret), claims("exp", time.Now().Add(24*time.Hour).Unix()))
	for _, seed := range []string{"Bearer " + good, "bearer " + good + "=", "Bearer a.b.c", "Basic eDp5",
		"Bearer " + signed(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims())} {
		f.Add(seed, uint16(0), byte(0))
		f.Add(seed, uint16(9), byte('x'))
	}
	f.Fuzz(func(t *testing.T, header string, i uint16, c byte) {
		forged := []byte("Bearer " + good)
		forged[int(i)%len(forged)] = c
		for _, text := range []string{header, string(forged)} {
			id, err := k.subject([]byte(text))
			scheme, rest, _ := strings.Cut(text, " ")
			if same := strings.EqualFold(scheme, "bearer") && strings.TrimLeft(rest, " ") == good; same != (err == nil && id == "ann") ||
				!same && !errors.Is(err, ErrJWT) {
				t.Errorf("%q: %q %v", text, id, err)
			}
		}
	})
}

// FuzzJWTKey: no file makes a key that accepts an unsigned JWT, or one that was signed with an empty key.
func FuzzJWTKey(f *testing.F) {
	is := keysOf(f)
	for _, seed := range [][]byte{pemOf(f, is.ec256), []byte(someSecret), oddSecret,
		setOf(f, jwk(f, is.ed.Public(), jwkset.JWKMetadataOptions{KID: "d"})),
		setOf(f, jwk(f, []byte(someSecret), jwkset.JWKMetadataOptions{})), []byte(`{"keys":[{"kty":"oct","k":"AA"}]}`)} {
		f.Add(seed)
	}
	bare := signed(f, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims())
	empty := signed(f, jwt.SigningMethodHS256, []byte{}, claims())
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseJWTKey(text)
		if err != nil {
			if !errors.Is(err, ErrJWTKey) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		wantSubject(t, "none", k, bare, "")
		wantSubject(t, "an empty secret", k, empty, "")
	})
}

func BenchmarkJWT(b *testing.B) {
	is := keysOf(b)
	for name, c := range map[string]struct {
		key  []byte
		m    jwt.SigningMethod
		with any
	}{"HS256": {[]byte(someSecret), jwt.SigningMethodHS256, []byte(someSecret)},
		"RS256": {pemOf(b, is.rsa), jwt.SigningMethodRS256, is.rsa},
		"ES256": {pemOf(b, is.ec256), jwt.SigningMethodES256, is.ec256}, "EdDSA": {pemOf(b, is.ed), jwt.SigningMethodEdDSA, is.ed}} {
		b.Run(name, func(b *testing.B) {
			k, header := mustKey(b, c.key), []byte("Bearer "+signed(b, c.m, c.with, claims()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.subject(header); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
