// Package token makes and reads what buyers carry: a token, which is a claim, and a ticket, which says that its buyer has entered
// a draw. Both are signed, so any edge with the key takes them; neither says why it is not good. That a token is used once is the
// ledger's business.
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

// A token is a claim its buyer can carry: 63 bytes, 84 characters of base64url.
//
//	version 1 | key id 1 | sale's birth 8 | serial 4 | count 1 | fence 8 | nonce 8 | expiry 8 | buyer 8 | MAC 16
//
// all big endian; the MAC is HMAC-SHA256 over what stands before it, cut to 128 bits. It proves who made it, nothing
// more: that it is used once is the ledger's business.
const (
	tokenVersion = 1
	tokenBody    = 47
	tokenSize    = tokenBody + 16
	// Len is a token's length in characters.
	Len = 84
)

// ErrToken is all that is ever said of a bad token.
var ErrToken = errors.New("not a valid token")

// Token is what a token says.
type Token struct {
	Birth uint64
	ledger.Claim
}

// Signer makes tokens under its first key and takes those of any of its keys. Safe for concurrent use, also while its keys
// change; it does not allocate once warm.
type Signer struct{ now atomic.Pointer[[]*signingKey] }

type signing struct {
	mac hash.Hash
	raw [tokenBody + sha256.Size]byte
}

// NewSigner takes 1 to MaxKeys keys of at least MinKey bytes, as ParseKeys gives them.
func NewSigner(keys ...[]byte) *Signer {
	s := &Signer{}
	s.Change(keys...)
	return s
}

// Change exchanges all keys.
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

// Append adds the token's text to b.
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

// seal appends the MAC of body, cut.
func (w *signing) seal(body []byte) []byte {
	w.mac.Reset()
	w.mac.Write(body)
	return w.mac.Sum(body)[:tokenSize]
}

// Parse reads a token and checks it in constant time. It takes what Append wrote, byte for byte, and nothing else.
func (s *Signer) Parse(text []byte) (Token, error) {
	var raw [tokenSize]byte
	if len(text) != Len {
		return Token{}, ErrToken
	}
	// 84 characters are 63 bytes with no bit to spare; a line end, which decoders skip, leaves fewer.
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil || n != tokenSize {
		return Token{}, ErrToken
	}
	if raw[0] != tokenVersion || !s.made(&raw) {
		return Token{}, ErrToken
	}
	return unpack(&raw), nil
}

// made says whether one of the keys made it. An id only spares work: two keys may share one.
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
