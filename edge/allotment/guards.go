package allotment

import (
	"slices"

	"spike/luascripts/ledger"
)

// The edge's guards that a build with the tag mutants can leave out. bench/sim says what each guard is for.
const (
	NoDoubt         ledger.Mutant = "no-doubt"
	RefillOnSilence ledger.Mutant = "refill-on-silence"
	KeepOutlived    ledger.Mutant = "keep-outlived"
	CloseBlind      ledger.Mutant = "close-blind"
	NewsStorm       ledger.Mutant = "news-storm"
	OldVerdict      ledger.Mutant = "old-verdict"
	OfferSettles    ledger.Mutant = "offer-settles"
)

// refill puts units back on sale whose give-back got no answer.
func (k *Keeper) refill() {
	for _, p := range k.returns.parts[:k.returns.sent] {
		if h := k.lease(p.Fence); h != nil && !h.lapsed {
			k.a.stock.Fill(p.Range)
		}
	}
	k.returns.parts = slices.Delete(k.returns.parts, 0, k.returns.sent)
}
