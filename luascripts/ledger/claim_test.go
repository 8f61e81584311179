package ledger

import (
	"bytes"
	"testing"
)

// FuzzClaims: claims are read as they were written, and only whole.
func FuzzClaims(f *testing.F) {
	one := Claim{Serial: 1, Count: 2, Fence: 1795399305199326, Nonce: 1<<53 - 1, Expiry: -1, Buyer: Buyer{1, 2, 3}}
	f.Add([]byte{})
	f.Add(one.AppendTo(nil))
	f.Add(one.AppendTo(one.AppendTo(nil)))
	f.Add(one.AppendTo(nil)[1:])
	f.Fuzz(func(t *testing.T, block []byte) {
		claims, err := ParseClaims(block)
		if whole := len(block)%ClaimSize == 0; whole != (err == nil) {
			t.Fatalf("%d bytes: %v", len(block), err)
		}
		if err != nil {
			return
		}
		var again []byte
		for _, c := range claims {
			again = c.AppendTo(again)
		}
		if !bytes.Equal(again, block) {
			t.Errorf("%x became %x", block, again)
		}
	})
}
