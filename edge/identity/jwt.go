package identity

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"spike/edge/secret"
)

var (
	// ErrJWT says that a request's JWT proves nothing: 401.
	ErrJWT = errors.New("not a valid JWT")
	// ErrJWTKey says that a key cannot verify JWTs. Its message never repeats the key.
	ErrJWTKey = errors.New("JWT key")
)

const (
	jwtLeeway  = 10 * time.Second // how far the issuer's clock may be off, for exp, nbf and iat
	minSecret  = 32               // bytes of a shared secret
	minRSA     = 2048             // bits
	maxJWTFile = 1 << 20          // bytes
)

// JWTKey verifies JWTs. The key and never the JWT decides which algorithms count, so a public key is never used as a secret. It
// is safe for concurrent use.
type JWTKey struct {
	parser  *jwt.Parser
	find    jwt.Keyfunc
	methods []string // algorithms of the keys
	secret  bool     // one of the keys is a secret
	keys    int      // number of keys that verify
	others  int      // number of a set's keys for other uses
}

// Count is how many keys verify JWTs, and how many others a JWK Set has.
func (k *JWTKey) Count() (keys, others int) { return k.keys, k.others }

// LoadJWTKey reads the file of --jwt-key; see ParseJWTKey. The warning, if any, is for the log.
func LoadJWTKey(path string) (key *JWTKey, warning string, err error) {
	text, warning, err := secret.Read(path, maxJWTFile)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrJWTKey, err)
	}
	if key, err = ParseJWTKey(text); err != nil {
		return nil, "", err
	}
	if !key.secret {
		warning = ""
	}
	return key, warning, nil
}

// ParseJWTKey reads one of three things:
//
//   - public keys in PEM: RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, Ed25519
//   - a JWK Set in JSON
//   - a secret of at least 32 bytes for HS256, HS384 and HS512, as it is; the line end after printable characters does not count
func ParseJWTKey(text []byte) (*JWTKey, error) {
	lean := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	switch {
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return pemKeys(lean)
	case bytes.HasPrefix(lean, []byte("{")):
		return jwkSet(lean)
	case isPublic(text):
		return nil, fmt.Errorf("%w: looks like a public key that is not in PEM; it would be no secret", ErrJWTKey)
	}
	return newJWTKey([]jwtKey{{secretIn(text), 1}}, nil)
}

// isPublic recognises forms of public keys, which must not be taken as secrets: DER, base64 of it, OpenSSH's, bare JWKs.
func isPublic(text []byte) bool {
	begins := func(sign string) bool { return bytes.HasPrefix(text, []byte(sign)) }
	der, _ := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text))) // skips line ends
	return slices.ContainsFunc([]string{"ssh-", "ecdsa-sha2-", "[", "sk-ssh-", "sk-ecdsa-"}, begins) || isDER(text) || isDER(der)
}

func isDER(text []byte) bool {
	var first asn1.RawValue
	if _, err := asn1.Unmarshal(text, &first); err != nil {
		return false
	}
	_, pkix := x509.ParsePKIXPublicKey(first.FullBytes)
	_, pkcs := x509.ParsePKCS1PublicKey(first.FullBytes)
	_, cert := x509.ParseCertificate(first.FullBytes)
	return pkix == nil || pkcs == nil || cert == nil
}

func secretIn(text []byte) []byte {
	line := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if slices.ContainsFunc(line, func(c byte) bool { return c < ' ' || c > '~' }) {
		return text
	}
	return line
}

func pemKeys(text []byte) (*JWTKey, error) {
	var keys []jwtKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		default:
			return nil, fmt.Errorf("%w: PEM of another kind; give PUBLIC KEY", ErrJWTKey)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: PEM that holds no public key", ErrJWTKey)
		}
		keys = append(keys, jwtKey{key, len(keys) + 1})
	}
	return newJWTKey(keys, nil)
}

// jwkSet keeps the keys for signatures and ignores the others, as RFC 7517 demands.
func jwkSet(text []byte) (*JWTKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("%w: not a JWK Set", ErrJWTKey)
	}
	var keys []jwtKey
	var storage []jwkset.JWK
	for i, member := range set.Keys {
		k, use, err := jwkOf(member)
		if err != nil {
			return nil, fmt.Errorf("%w: JWK %d of the set is malformed", ErrJWTKey, i+1)
		}
		if use {
			keys, storage = append(keys, jwtKey{k.Key(), i + 1}), append(storage, k)
		}
	}
	memory := jwkset.NewMemoryStorage()
	_ = memory.KeyReplaceAll(context.Background(), storage) // never fails
	found, err := keyfunc.New(keyfunc.Options{Storage: memory})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJWTKey, err)
	}
	key, err := newJWTKey(keys, found.Keyfunc)
	if key != nil {
		key.others = len(set.Keys) - len(keys)
	}
	return key, err
}

// jwkOf reads a member of a set, if the member can verify. Other members may be of any kind, even of an unknown one.
func jwkOf(member []byte) (k jwkset.JWK, use bool, err error) {
	var kind jwkset.JWKMarshal
	err = json.Unmarshal(member, &kind) // an error counts only if the key could verify
	known := slices.Contains([]jwkset.KTY{jwkset.KtyRSA, jwkset.KtyEC, jwkset.KtyOKP, jwkset.KtyOct}, kind.KTY)
	signs := kind.USE == "" || kind.USE == jwkset.UseSig
	verifies := len(kind.KEYOPS) == 0 || slices.Contains(kind.KEYOPS, jwkset.KeyOpsVerify)
	method := kind.ALG == "" || kind.ALG != jwkset.AlgNone && jwt.GetSigningMethod(string(kind.ALG)) != nil // others encrypt
	exchanges := kind.KTY == jwkset.KtyOKP && kind.CRV != jwkset.CrvEd25519                                 // X25519 or X448
	if !known || !signs || !verifies || !method || exchanges {
		return k, false, nil
	}
	if err != nil {
		return k, false, err
	}
	k, err = jwkset.NewJWKFromMarshal(kind, jwkset.JWKMarshalOptions{Private: true}, jwkset.JWKValidateOptions{})
	if errors.Is(err, jwkset.ErrUnsupportedKey) {
		return k, false, nil
	}
	return k, err == nil, err
}

// jwtKey is a key, and its number in its file.
type jwtKey struct {
	key any
	at  int
}

// newJWTKey takes all keys, and a function that finds the key of a JWT. If that is nil, every key is tried.
func newJWTKey(keys []jwtKey, find jwt.Keyfunc) (*JWTKey, error) {
	var methods []string
	var set jwt.VerificationKeySet
	var secret bool
	for _, key := range keys {
		of, err := methodsOf(key.key)
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %w", ErrJWTKey, key.at, err)
		}
		_, shared := key.key.([]byte)
		methods, set.Keys, secret = append(methods, of...), append(set.Keys, key.key), secret || shared
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: there is none to verify signatures with", ErrJWTKey)
	}
	if find == nil {
		find = func(*jwt.Token) (any, error) { return set, nil }
	}
	parser := jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(jwtLeeway), jwt.WithStrictDecoding())
	return &JWTKey{find: find, secret: secret, methods: methods, keys: len(keys), parser: parser}, nil
}

// methodsOf lists the algorithms a key is good for.
func methodsOf(key any) ([]string, error) {
	switch k := key.(type) {
	case []byte:
		if len(k) < minSecret {
			return nil, fmt.Errorf("a secret of fewer than %d bytes", minSecret)
		}
		return []string{"HS256", "HS384", "HS512"}, nil
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return nil, fmt.Errorf("an RSA key of fewer than %d bits", minRSA)
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		methods := map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}
		if method := methods[k.Curve]; method != "" {
			return []string{method}, nil
		}
		return nil, errors.New("an ECDSA key on a curve that JWTs do not use")
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("%T is not a public key for signatures", key)
}

// subject verifies the JWT in an Authorization header, and returns its subject. The error is a jwtFault.
func (k *JWTKey) subject(header []byte) (string, error) {
	scheme, text, _ := strings.Cut(string(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", notBearer
	}
	token, err := k.parser.Parse(strings.TrimLeft(text, " "), k.find)
	if err != nil {
		return "", k.faultOf(token, err)
	}
	if _, critical := token.Header["crit"]; critical { // RFC 7515: refuse what you do not understand
		return "", criticalJWT
	}
	id, err := token.Claims.GetSubject()
	if err != nil || !isBuyerID([]byte(id)) {
		return "", badSubject
	}
	return id, nil
}
