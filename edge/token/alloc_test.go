//go:build !race

package token

import "testing"

func TestTokenAllocatesNothing(t *testing.T) {
	s := NewSigner(someKey(7), someKey(8))
	want, text := someToken(s)
	if n := testing.AllocsPerRun(1000, func() { text = s.Append(text[:0], want.Birth, &want.Claim) }); n != 0 {
		t.Errorf("Append: %v allocations", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.Parse(text) }); n != 0 {
		t.Errorf("Parse: %v allocations", n)
	}
}
