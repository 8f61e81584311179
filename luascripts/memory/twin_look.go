package memory

import (
	"spike/luascripts/ledger"
)

// A simulator reads this of the twin, besides replies.

// Audit is the whole account, as ledger.Store's.
func (t *Twin) Audit(sale string) ledger.Audit { return t.holdings().Audit(sale) }

// Last is the sale as the last script left it.
func (t *Twin) Last() ledger.Head { return t.view("-") }

// Owner is the claim that a serial belongs to. Its count is 1.
func (t *Twin) Owner(serial uint32) (c ledger.Claim, confirmed, owned bool) {
	o, owned := t.sold[serial]
	c = ledger.Claim{Serial: serial, Count: 1, Fence: o.fence, Nonce: o.nonce, Expiry: o.expiry, Buyer: o.buyer}
	return c, o.confirmed, owned
}

// Deadline is the ledger's deadline of a lease; 0: there is no such lease.
func (t *Twin) Deadline(fence uint64) int64 {
	if l := t.leases[fence]; l != nil {
		return t.ends(l)
	}
	return 0
}

// Leased is what the ledger has left in a lease.
func (t *Twin) Leased(fence uint64) ledger.Ranges {
	if l := t.leases[fence]; l != nil {
		return l.rem.Ranges()
	}
	return nil
}

// Free is the free ranges.
func (t *Twin) Free() ledger.Ranges { return t.free.Ranges() }
