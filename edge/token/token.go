// Package token makes and reads tokens and tickets. A token is a claim that its buyer carries. A ticket says that its buyer has
// entered a draw. Both are signed, so every edge with the key accepts them. No error says why one is not good. The ledger, not
// this package, sees to it that a token is used once.
package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync/atomic"

	"spike/luascripts/ledger"
)

// A token is 63 bytes, which are 84 characters of base64url.
//
//	version 1 | key id 1 | sale's birth 8 | serial 4 | count 1 | fence 8 | nonce 8 | expiry 8 | buyer 8 | MAC 16
//
// All numbers are big endian. The MAC is HMAC-SHA256 over the bytes before it, cut to 128 bits. It proves only that a holder of
// the key made the token.
const (
	tokenVersion = 1
	tokenBody    = 47
	tokenSize    = tokenBody + 16
	// Len is a token's length in characters.
	Len = 84
)

// ErrToken says that a token is not good. It never says why.
var ErrToken = errors.New("not a valid token")

// Token is what a token says.
type Token struct {
	Birth uint64
	ledger.Claim
}

// Signer makes tokens under its first key, and accepts tokens under any of its keys. It is safe for concurrent use, even while
// its keys change. It does not allocate once warm.
type Signer struct{ now atomic.Pointer[[]*signingKey] }

type signing struct {
	mac hash.Hash
	raw [tokenBody + sha256.Size]byte
}

// NewSigner takes 1 to MaxKeys keys of at least MinKey bytes, as ParseKeys returns them.
func NewSigner(keys ...[]byte) *Signer {
	s := &Signer{}
	s.Change(keys...)
	return s
}

// Change replaces all keys.
func (s *Signer) Change(keys ...[]byte) {
	if len(keys) == 0 || len(keys) > MaxKeys {
		panic("token: a Signer needs 1 to 4 keys")
	}
	var all []*signingKey
	for _, key := range keys {
		all = append(all, newSigningKey(key))
	}
	s.now.Store(&all)
}

func (s *Signer) keys() []*signingKey { return *s.now.Load() }

// Append appends the token's text to b.
func (s *Signer) Append(b []byte, birth uint64, c *ledger.Claim) []byte {
	k := s.keys()[0]
	w := k.pool.Get().(*signing)
	raw := append(w.raw[:0], tokenVersion, k.id)
	raw = binary.BigEndian.AppendUint64(raw, birth)
	raw = binary.BigEndian.AppendUint32(raw, c.Serial)
	raw = append(raw, byte(c.Count))
	raw = binary.BigEndian.AppendUint64(raw, c.Fence)
	raw = binary.BigEndian.AppendUint64(raw, c.Nonce)
	raw = binary.BigEndian.AppendUint64(raw, uint64(c.Expiry))
	raw = append(raw, c.Buyer[:]...)
	raw = w.seal(raw)
	b = base64.RawURLEncoding.AppendEncode(b, raw)
	k.pool.Put(w)
	return b
}

// seal appends the MAC of body, cut to its size.
func (w *signing) seal(body []byte) []byte {
	w.mac.Reset()
	w.mac.Write(body)
	return w.mac.Sum(body)[:tokenSize]
}

// Parse reads a token and checks it in constant time. It accepts exactly the bytes that Append writes.
func (s *Signer) Parse(text []byte) (Token, error) {
	var raw [tokenSize]byte
	if len(text) != Len {
		return Token{}, ErrToken
	}
	// 84 characters are exactly 63 bytes. Decoders skip line ends, and then fewer bytes are left.
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil || n != tokenSize {
		return Token{}, ErrToken
	}
	if raw[0] != tokenVersion || !s.made(&raw) {
		return Token{}, ErrToken
	}
	return unpack(&raw), nil
}

// made says whether one of the keys made the token. The id only saves work, because two keys may have the same id.
func (s *Signer) made(raw *[tokenSize]byte) bool {
	for _, k := range s.keys() {
		if k.id == raw[1] && k.made(raw) {
			return true
		}
	}
	return false
}

func unpack(raw *[tokenSize]byte) Token {
	t := Token{Birth: binary.BigEndian.Uint64(raw[2:])}
	t.Serial = binary.BigEndian.Uint32(raw[10:])
	t.Count = uint32(raw[14])
	t.Fence = binary.BigEndian.Uint64(raw[15:])
	t.Nonce = binary.BigEndian.Uint64(raw[23:])
	t.Expiry = int64(binary.BigEndian.Uint64(raw[31:]))
	copy(t.Buyer[:], raw[39:])
	return t
}
