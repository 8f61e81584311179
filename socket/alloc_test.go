//go:build unix && !race

package socket

import (
	"errors"
	"testing"
)

func TestConnAllocatesNothing(t *testing.T) {
	own, peer := pair(t)
	b, room := []byte("a word"), make([]byte, 64)
	if n := testing.AllocsPerRun(500, func() {
		_, err1 := own.Write(b)
		_, err2 := peer.Read(room)
		_, err3 := peer.Write(b)
		n, err4 := own.Read(room)
		if err := errors.Join(err1, err2, err3, err4); err != nil || string(room[:n]) != string(b) {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
