package memory

import (
	"spike/luascripts/ledger"
)

// What a simulator may see of the twin, besides replies.

// Audit is the whole account, as ledger.Store's.
func (t *Twin) Audit(sale string) ledger.Audit { return t.holdings().Audit(sale) }

// Last is the sale as the last script left it.
func (t *Twin) Last() ledger.Head { return t.view("-") }

// Owner is the claim that a serial belongs to, of which only serial, fence, nonce and expiry are filled in.
func (t *Twin) Owner(serial uint32) (c ledger.Claim, confirmed, owned bool) {
	o, owned := t.sold[serial]
	return ledger.Claim{Serial: serial, Count: 1, Fence: o.fence, Nonce: o.nonce, Expiry: o.expiry}, o.confirmed, owned
}

// Deadline is a lease's, by the ledger; 0 where there is none.
func (t *Twin) Deadline(fence uint64) int64 {
	if l := t.leases[fence]; l != nil {
		return t.ends(l)
	}
	return 0
}

// Leased is what the ledger has in this lease.
func (t *Twin) Leased(fence uint64) ledger.Ranges {
	if l := t.leases[fence]; l != nil {
		return l.rem.Ranges()
	}
	return nil
}

// Free is what nobody has.
func (t *Twin) Free() ledger.Ranges { return t.free.Ranges() }
