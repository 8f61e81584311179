package allotment

import (
	"slices"

	"spike/luascripts"
)

// The edge's guards that a build with the tag mutants can leave out. bench/sim says what each guard is for.
const (
	NoDoubt         luascripts.Mutant = "no-doubt"
	RefillOnSilence luascripts.Mutant = "refill-on-silence"
	KeepOutlived    luascripts.Mutant = "keep-outlived"
	CloseBlind      luascripts.Mutant = "close-blind"
	NewsStorm       luascripts.Mutant = "news-storm"
	OldVerdict      luascripts.Mutant = "old-verdict"
	OfferSettles    luascripts.Mutant = "offer-settles"
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
