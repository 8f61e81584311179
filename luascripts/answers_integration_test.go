//go:build integration

package luascripts

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"spike/bench/rig/rigtest"
	"spike/luascripts/ledger"
)

// An edge is told all new names, slice by slice. An older version may have added some of them without counting.
func TestAnswersSinceALook(t *testing.T) {
	s := dial(t, rigtest.StartRedis(t).Addr, ledger.DefaultBounds())
	must[ledger.Head](t)(s.Create(bg, "a", ledger.CreateRequest{Total: 10_000, Hold: time.Minute, Limit: 1}))
	nonce := uint64(0)
	buy := func(n int) (keys [][8]byte) {
		for range n {
			nonce++
			q := ledger.DeductRequest{N: 1, Nonce: nonce}
			binary.BigEndian.PutUint64(q.Buyer[:], nonce)
			binary.BigEndian.PutUint64(q.Key[:], nonce)
			must[ledger.DeductReply](t)(s.Deduct(bg, "a", q))
			keys = append(keys, [8]byte(q.Key[:8]))
		}
		return keys
	}
	var mark *ledger.AnswersMark
	look := func() (keys [][8]byte) {
		for more := true; more; {
			r := must[ledger.AnswersReply](t)(s.Answers(bg, "a", ledger.AnswersRequest{Last: mark}))
			if len(r.Keys) != len(r.Buyers) || len(r.Keys) > ledger.MaxAnswers {
				t.Fatalf("%d keys, %d buyers", len(r.Keys), len(r.Buyers))
			}
			keys, mark, more = append(keys, r.Keys...), &r.Mark, r.More
		}
		return keys
	}
	if want, got := buy(1200), look(); !slices.Equal(got, want) {
		t.Errorf("%d keys, want %d", len(got), len(want))
	}
	if want, got := buy(3), look(); !slices.Equal(got, want) {
		t.Errorf("new: %v, want %v", got, want)
	}
	if got := look(); len(got) != 0 {
		t.Errorf("nothing is new: %v", got)
	}
	hset(t, s, "RPUSH", Keys("a")[11], "kolder--12345678", "b87654321")
	if got := look(); len(got) != 1204 || string(got[1203][:]) != "older--1" {
		t.Errorf("after an older version: %d keys", len(got))
	}
	if want, got := buy(1), look(); !slices.Equal(got, want) {
		t.Errorf("new again: %v, want %v", got, want)
	}
}
