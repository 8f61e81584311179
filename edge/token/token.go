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

// Append appends the token's text to b.
func (s *Signer) Append(b []byte, birth uint64, c *ledger.Claim) []byte {
	k, w := s.begin()
	raw := append(w.raw[:0], tokenVersion, k.id)
	raw = binary.BigEndian.AppendUint64(raw, birth)
	raw = binary.BigEndian.AppendUint32(raw, c.Serial)
	raw = append(raw, byte(c.Count))
	raw = binary.BigEndian.AppendUint64(raw, c.Fence)
	raw = binary.BigEndian.AppendUint64(raw, c.Nonce)
	raw = binary.BigEndian.AppendUint64(raw, uint64(c.Expiry))
	raw = append(raw, c.Buyer[:]...)
	return k.end(w, b, raw, tokenSize)
}

// begin is the key that signs, and its buffer until end.
func (s *Signer) begin() (*signingKey, *signing) {
	k := (*s.now.Load())[0]
	return k, k.pool.Get().(*signing)
}

// end appends the text of body, with its MAC.
func (k *signingKey) end(w *signing, b, body []byte, size int) []byte {
	b = base64.RawURLEncoding.AppendEncode(b, w.seal(body, size))
	k.pool.Put(w)
	return b
}

// seal appends the MAC of body, cut to make up size.
func (w *signing) seal(body []byte, size int) []byte {
	w.mac.Reset()
	w.mac.Write(body)
	return w.mac.Sum(body)[:size]
}

// open decodes a text of this version into raw, which is as long as its bytes. It says in constant time whether one of the keys
// made them. The key's id only saves work, because two keys may have the same id.
func (s *Signer) open(raw, text []byte, version byte, body int) bool {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(raw)) {
		return false
	}
	// Decoders skip line ends, and then fewer bytes are left.
	n, err := base64.RawURLEncoding.Strict().Decode(raw, text)
	if err != nil || n != len(raw) || raw[0] != version {
		return false
	}
	for _, k := range *s.now.Load() {
		if k.id == raw[1] && k.made(raw, body) {
			return true
		}
	}
	return false
}

// Parse reads a token and checks it in constant time. It accepts exactly the bytes that Append writes.
func (s *Signer) Parse(text []byte) (t Token, err error) {
	var raw [tokenSize]byte
	if !s.open(raw[:], text, tokenVersion, tokenBody) {
		return t, ErrToken
	}
	t.Birth = binary.BigEndian.Uint64(raw[2:])
	t.Serial = binary.BigEndian.Uint32(raw[10:])
	t.Count = uint32(raw[14])
	t.Fence = binary.BigEndian.Uint64(raw[15:])
	t.Nonce = binary.BigEndian.Uint64(raw[23:])
	t.Expiry = int64(binary.BigEndian.Uint64(raw[31:]))
	copy(t.Buyer[:], raw[39:])
	return t, nil
}
