package token

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"

	"spike/luascripts"
)

// A stub is what a buyer holds who has entered a draw, called `claim` in answers: 36 bytes, 48 characters of base64url.
//
//	version 1 | key id 1 | sale's birth 8 | buyer 8 | MAC 18
//
// as a token is made; length and version tell the two apart. It proves that this buyer has asked in the window, nothing
// more: what has become of its lot is the ledger's to say.
const (
	stubVersion = 2
	stubBody    = 18
	stubSize    = stubBody + 18
	// StubLen is a stub's length in characters.
	StubLen = 48
)

// Stub is what a stub says.
type Stub struct {
	Birth uint64
	Buyer luascripts.Buyer
}

// AppendStub adds the stub's text to b.
func (s *Signer) AppendStub(b []byte, stub Stub) []byte {
	k := s.keys()[0]
	w := k.pool.Get().(*signing)
	b = base64.RawURLEncoding.AppendEncode(b, w.stub(stub, k.id))
	k.pool.Put(w)
	return b
}

// stub is the whole of one, MAC and all.
func (w *signing) stub(s Stub, id byte) []byte {
	raw := append(w.raw[:0], stubVersion, id)
	raw = binary.BigEndian.AppendUint64(raw, s.Birth)
	raw = append(raw, s.Buyer[:]...)
	w.mac.Reset()
	w.mac.Write(raw)
	return w.mac.Sum(raw)[:stubSize]
}

// ParseStub reads a stub and checks it in constant time. It takes what AppendStub wrote, byte for byte, and nothing else.
func (s *Signer) ParseStub(text []byte) (Stub, error) {
	var raw [stubSize]byte
	if len(text) != StubLen {
		return Stub{}, ErrToken
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil || n != stubSize {
		return Stub{}, ErrToken
	}
	stub := Stub{Birth: binary.BigEndian.Uint64(raw[2:]), Buyer: luascripts.Buyer(raw[10:stubBody])}
	for _, k := range s.keys() {
		if k.id == raw[1] && k.madeStub(stub, &raw) {
			return stub, nil
		}
	}
	return Stub{}, ErrToken
}

func (k *signingKey) madeStub(stub Stub, raw *[stubSize]byte) bool {
	w := k.pool.Get().(*signing)
	same := hmac.Equal(w.stub(stub, k.id), raw[:])
	k.pool.Put(w)
	return same
}
