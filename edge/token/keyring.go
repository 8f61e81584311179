package token

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"spike/edge/secret"
)

// The first key signs tokens, and tokens under all keys are accepted. To change the key without losing a token:
//
//  1. On every edge, add the new key as the second one. Edges still sign with the old key, and all edges know the new one.
//  2. On every edge, put the new key first. From now on there are tokens under both keys, and every edge accepts both.
//  3. When the longest hold has passed since the last edge did step 2, remove the old key.
//
// An edge reads its keys at start and at SIGHUP, so each step ends with a SIGHUP for every edge. A key that has leaked must be
// removed at once. That ends every token under it, and then only settled units keep their buyers.
const (
	// MinKey is the least length of a key in bytes, which is the size of a SHA-256 sum.
	MinKey = 32
	// MaxKeys is how many keys there may be. A rotation needs two.
	MaxKeys = 4

	maxKey     = 1 << 10  // bytes of one key
	maxKeyFile = 64 << 10 // bytes of a file of keys
)

// ErrKeys says that token keys cannot be used. Its message never repeats them.
var ErrKeys = errors.New("token keys")

// signingKey is one key. Its id is public. The id is one byte of a hash, so it tells keys apart without telling about them.
type signingKey struct {
	id   byte
	pool sync.Pool
}

func newSigningKey(key []byte) *signingKey {
	key = bytes.Clone(key)
	id := sha256.Sum256(append([]byte("spike key id"), key...))
	k := &signingKey{id: id[0]}
	k.pool.New = func() any { return &signing{mac: hmac.New(sha256.New, key)} }
	return k
}

// made says whether this key made the MAC behind the body.
func (k *signingKey) made(raw []byte, body int) bool {
	w := k.pool.Get().(*signing)
	sealed := w.seal(append(w.raw[:0], raw[:body]...), len(raw))
	same := hmac.Equal(sealed[body:], raw[body:])
	k.pool.Put(w)
	return same
}

// ParseKeys reads 1 to MaxKeys keys, one a line or with commas between them. Blank lines do not count, and # begins a comment. A
// key is at least MinKey bytes, in hex or in base64. The base64 may be of either alphabet, padded or not. A key that consists of
// digits and a-f alone is hex.
func ParseKeys(text string) ([][]byte, error) {
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	return keys, nil
}

func parseKeys(text string) (keys [][]byte, err error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("more than %d KiB", maxKeyFile>>10)
	}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.SplitSeq(line, ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			key, err := parseKey(word)
			if err == nil {
				err = fits(keys, key)
			}
			if err != nil {
				return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is none")
	}
	return keys, nil
}

// parseKey decodes one key. It drops the decoders' own errors, because they quote their input.
func parseKey(word string) ([]byte, error) {
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.Strict().DecodeString,
		base64.RawStdEncoding.Strict().DecodeString, base64.URLEncoding.Strict().DecodeString,
		base64.RawURLEncoding.Strict().DecodeString} {
		if key, err := decode(word); err == nil && !strings.ContainsAny(word, "\r\n") { // base64 would skip them
			return key, nil
		}
	}
	return nil, errors.New("is neither base64 nor hex")
}

func fits(keys [][]byte, key []byte) error {
	if len(key) < MinKey || len(key) > maxKey {
		return fmt.Errorf("is not %d to %d bytes long", MinKey, maxKey)
	}
	if len(keys) == MaxKeys {
		return fmt.Errorf("is one too many: there may be %d", MaxKeys)
	}
	if slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, key) }) {
		return errors.New("is there twice")
	}
	return nil
}

// LoadKeys reads the value of --token-key or SPIKE_TOKEN_KEY, which is the path of a file with keys, or the keys themselves. A
// value is a path if it begins with / or . or if there is a file of that name. Any other value is keys, as ParseKeys reads them.
// A key in base64 that begins with / needs a comma before it. The warning, if any, is for the log. An error names a file that was
// read: the name of any other file may be a key.
func LoadKeys(value string) (keys [][]byte, warning string, err error) {
	if !isPath(value) {
		keys, err = ParseKeys(value)
		return keys, "", err
	}
	text, warning, err := secret.Read(value, maxKeyFile)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrKeys, err)
	}
	if keys, err = parseKeys(string(text)); err != nil {
		return nil, "", fmt.Errorf("%w: %s: %w", ErrKeys, value, err)
	}
	return keys, warning, nil
}

func isPath(value string) bool {
	_, err := os.Stat(value)
	return err == nil || strings.HasPrefix(value, "/") || strings.HasPrefix(value, ".")
}
