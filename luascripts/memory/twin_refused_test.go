package memory

import (
	"encoding/binary"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Row A7: a buyer over the limit cannot fill memory with new keys. Only a buyer's first sixteen refused keys are kept.
func TestA7RefusedKeysAreForgotten(t *testing.T) {
	tw := NewTwin(1_800_000_000_000_000, ledger.CreateRequest{Total: 9, Hold: time.Minute, Limit: 1}, ledger.DefaultBounds())
	for key := uint64(1); key < 300; key++ {
		q := ledger.DeductRequest{N: 1, Nonce: key, Buyer: ledger.Buyer{1}}
		binary.BigEndian.PutUint64(q.Key[:], key)
		if r := must[ledger.DeductReply](t)(tw.Deduct(tw.Last().Raw, q)); key > 1 && r.Answer != ledger.OverLimit {
			t.Fatalf("key %d: %+v", key, r)
		}
	}
	if n := len(tw.answers); n > 24 || n < 16 {
		t.Errorf("%d answers are kept", n)
	}
}
