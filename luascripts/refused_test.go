package luascripts

import (
	"encoding/binary"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Row A7: a buyer over the limit cannot fill memory with new keys. Only a buyer's first sixteen refused keys are kept.
func testRefused(t *testing.T, s ledger.Store) {
	sale := newSale(t, s, ledger.CreateRequest{Total: 9, Hold: time.Minute, Limit: 1})
	ask := func(buyer byte, key uint64) ledger.DeductReply {
		q := ledger.DeductRequest{N: 1, Nonce: 1000*uint64(buyer) + key, Buyer: ledger.Buyer{buyer}}
		binary.BigEndian.PutUint64(q.Key[:], 1000*uint64(buyer)+key)
		return must[ledger.DeductReply](t)(s.Deduct(bg, sale, q))
	}
	first := ask(1, 1)
	for key := uint64(2); key < 300; key++ {
		if r := ask(1, key); r.Answer != ledger.OverLimit || r.Claim != first.Claim {
			t.Fatalf("key %d: %+v", key, r)
		}
	}
	must[ledger.ReservationReply](t)(s.Cancel(bg, sale, first.Birth, first.Claim))
	if r := ask(1, 2); r.Answer != ledger.OverLimit {
		t.Errorf("what a key was told stands: %+v", r)
	}
	if r := ask(1, 299); r.Answer != ledger.Granted {
		t.Errorf("one too many is asked about anew: %+v", r)
	}
	if r := ask(2, 1); r.Answer != ledger.Granted {
		t.Errorf("another buyer: %+v", r)
	}
	if r := ask(2, 2); r.Answer != ledger.OverLimit {
		t.Errorf("another buyer: %+v", r)
	}
	if s, ok := s.(*Redis); ok {
		n := must[int64](t)(s.client.Do(bg, s.client.B().Hlen().Key(Keys(sale)[10]).Build()).AsInt64())
		if n -= 2; n > 24 || n < 16 { // two fields count the logs
			t.Errorf("%d answers are kept", n)
		}
	}
}
