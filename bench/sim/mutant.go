package sim

import (
	"fmt"
	"slices"

	"spike/bench"
	"spike/edge/allotment"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// The guards that the simulation can leave out, because it stands in for something: clocks, bounds, the network, WAIT, and a
// start on old data. The other guards are in luascripts and edge/allotment.
const (
	noMargin      ledger.Mutant = "no-margin"
	sweepEarly    ledger.Mutant = "sweep-early"
	clockUncapped ledger.Mutant = "clock-uncapped"
	monotonicOnly ledger.Mutant = "monotonic-only"
	wallOnly      ledger.Mutant = "wall-only"
	staleClock    ledger.Mutant = "stale-clock"
	sentLate      ledger.Mutant = "sent-late"
	longHold      ledger.Mutant = "long-hold"
	waitLease     ledger.Mutant = "no-wait-lease"
	waitRenew     ledger.Mutant = "no-wait-renew"
	waitSettle    ledger.Mutant = "no-wait-settle"
	waitDeduct    ledger.Mutant = "no-wait-deduct"
	waitBatch     ledger.Mutant = "no-wait-batch"
	waitConfirm   ledger.Mutant = "no-wait-confirm"
	waitOnline    ledger.Mutant = "wait-online"
	waitAnyone    ledger.Mutant = "wait-anyone"
	earlySoldOut  ledger.Mutant = "early-sold-out"
	freeEarly     ledger.Mutant = "free-early"
	awaitedFreed  ledger.Mutant = "awaited-freed"
	batchByNode   ledger.Mutant = "batch-by-node"
	noReassert    ledger.Mutant = "no-reassert"
	assertStock   ledger.Mutant = "reassert-stock-only"
	eraStale      ledger.Mutant = "era-stale"
	recoverBlind  ledger.Mutant = "recover-blind"
	bootBlind     ledger.Mutant = "boot-blind"
	nodeRelease   ledger.Mutant = "node-release"
	copyProves    ledger.Mutant = "copy-proves"
	storeBlind    ledger.Mutant = "store-blind"
	offerBlind    ledger.Mutant = "offer-blind"
)

// Mutation is a guard of the protocol, and the fault without it.
type Mutation struct {
	Name ledger.Mutant
	What string
}

// mutations are all guards, and the faults without them.
var mutations = []Mutation{
	// Leases and clocks.
	{noMargin, "edges sell until their lease's last moment, and the ledger frees it at that moment"},
	{sweepEarly, "the ledger takes a lease back two seconds before its end"},
	{clockUncapped, "a jump of Redis' clock is a jump of ledger time"},
	{monotonicOnly, "an edge looks at the monotonic clock alone: it stands still while the machine sleeps"},
	{wallOnly, "an edge looks at the wall clock alone: an operator sets it back"},
	{staleClock, "a Take believes the time at which the Keeper last woke"},
	{sentLate, "a lease's life is counted from the reply, not from the send"},
	{longHold, "an edge promises three seconds more than the lease's hold"},
	{memory.LimboShort, "limbo lasts a margin, not the hold"},
	{memory.NoLimbo, "a dead lease's units are free at once"},
	{memory.DueAsWritten, "the sweep believes when a lease was to be over, though a new era has moved that"},
	{memory.GiveBackCloses, "giving some units back ends the whole lease"},
	{allotment.RefillOnSilence, "units whose give-back has no answer are sold after all"},
	{allotment.NoDoubt, "a taker that slept believes the lease it finds"},
	{awaitedFreed, "a renewal lets go of leases whose grant is still on its way"},
	{allotment.CloseBlind, "an edge sells to the end of its lease, whenever the sale closes (P9)"},
	{memory.OldWitness, "a caller proves how much time has passed, though others have had a time from the ledger since"},
	{allotment.NewsStorm, "every edge follows every news at once, though others are faster each time (S3)"},
	{allotment.OldVerdict, "an edge that has said none now goes on saying it when all is sold for good (S2)"},
	{earlySoldOut, "sold out for good, though leases may come back"},
	{memory.SearchFew, "n units in a row are looked for in the lowest two free ranges alone (P7)"},
	{memory.RunDeaf, "a lease for buyers of several in a row is cut from the lowest ranges"},
	// Replicas.
	{waitLease, "a lease is sold from before the replicas have it"},
	{waitRenew, "a deadline moves before the replicas know"},
	{waitSettle, "a slot is used again before the replicas have its claim"},
	{waitDeduct, "a Deduct is told before the replicas have it"},
	{waitConfirm, "a confirm is told before the replicas have it"},
	{memory.AnyLineup, "the replicas that are here at the write are waited for, not those the Sentinels were asked about (P4)"},
	{memory.AnyReplica, "a newcomer takes the place of a replica that is gone, and may be promoted (P18)"},
	{waitAnyone, "WAIT counts a follower that came after the script (P18)"},
	{waitOnline, "WAIT asks for the replicas that are connected now, not for those there ever were"},
	// Claims and tokens.
	{memory.NoFence, "a claim is settled from any lease that has its serial"},
	{memory.ReplayRewrites, "a batch that is sent again writes its owners again"},
	{batchByNode, "settle batches are numbered by node: a new edge's first ones look old"},
	{freeEarly, "a slot is used again once its settle is sent"},
	{memory.LimboDeaf, "a token whose claim was never settled is worth nothing in limbo"},
	{memory.CancelConfirmed, "a buyer can cancel after the payment"},
	{memory.ExpireConfirmed, "a hold ends though it was paid"},
	{recoverBlind, "an edge that comes back lets go of its old leases without settling its old ring"},
	{bootBlind, "a ring that a lost machine had is taken for whole"},
	{nodeRelease, "an edge that comes back lets go of all that its node ever leased, data or not"},
	// Eras.
	{noReassert, "an edge does not name its leases in a new era"},
	{assertStock, "an edge does not name its unsettled claims in a new era"},
	{memory.AssertFree, "a re-assertion takes only what is free"},
	{eraStale, "an edge takes unheard for resolved"},
	{memory.KnownOnly, "an operator who pauses a sale waits for the leases that the ledger knows, and for no other (P8)"},
	{memory.NeverUnheard, "a claim that lost history may have had is called resolved"},
	{memory.ShortRecovery, "units are granted again before the promises of lost history are over"},
	{memory.EarlyRecovery, "units are granted again once all known leases are re-asserted, though others are lost"},
	{memory.LeaseAnyEra, "units are leased while the ledger recovers"},
	{memory.DeductAnyEra, "units are deducted while the ledger recovers"},
	{memory.LostTime, "where history was lost, ledger time follows the wall clock (P5)"},
	{memory.DeafToTime, "where history was lost, ledger time ignores the instances that lived through it"},
	{memory.ConfirmAtOnce, "a restarted ledger confirms before any instance had the time to say how late it is"},
	{memory.DiskIsPrimary, "a server that comes back from its file is taken for a promoted replica (P2)"},
	{memory.DiskForgets, "a server that comes back from a file that has everything is taken to have lost some (P6)"},
	{memory.NoProof, "a recovery ends before an instance that has acted on more had the time to come (P3)"},
	{memory.FenceCounts, "fences count up: those of a lost history come again"},
	{memory.FenceStays, "where history was lost, fences go on from the known ones: those of the lost history come again"},
	{memory.FloorRises, "a recovery that is cut off forgets where the history before it ended (S1)"},
	{memory.RenewUnheard, "leases are renewed in a recovery before their owner has named them"},
	{allotment.KeepOutlived, "an edge says that it holds units that may have been another's in lost history"},
	// Rings.
	{copyProves, "a copy of a living edge's ring is taken for a dead one's (P1)"},
	{storeBlind, "an edge sets its rings aside where another store does not know their sales"},
	{offerBlind, "an offer that is left in a ring is settled without its key (P10)"},
	{allotment.OfferSettles, "an edge settles a unit that it has offered to a key, though the key may have another"},
	// Draws.
	{memory.DrawByClock, "the window of a draw ends by the store's clock alone, which jumps (P17)"},
	{memory.LotsLeased, "edges lease what is kept for winners"},
	{memory.LotTwice, "a winner of a draw that asks again is given another unit"},
	// Calls of several buys.
	{waitBatch, "the buys of a call are told before the replicas have them"},
	{memory.LimitBefore, "the limit counts the units that a buyer had before the call"},
	{memory.KeyAnew, "a key that comes twice in one call is decided twice"},
	{memory.OfferStays, "an offer to a key that the same call has answered stays in its lease"},
	{memory.RefusesAll, "one refused buy refuses a call in which others have won"},
	{memory.NoneKept, "a key that has heard none hears it ever after"},
	// Payment services and operators.
	{memory.ReleaseBlind, "a refund puts units back on sale, though another buyer may have them by now"},
	{memory.ProlongUnsettled, "a hold is prolonged while its claim is still in a lease: limbo does not wait so long"},
	{memory.CloseAtOnce, "the operator has the sale close sooner than an edge that hears nothing"},
}

// Mutations returns all guards that a build with the tag mutants can leave out.
func Mutations() []Mutation { return slices.Clone(mutations) }

// ErrMutant means that there is no such mutation, or that this build has none.
var ErrMutant = fmt.Errorf("%w: mutant", bench.ErrUsage)

func checkMutant(m ledger.Mutant) error {
	if m == "" {
		return nil
	}
	if !ledger.Mutable {
		return fmt.Errorf("%w: %q needs a build with -tags mutants", ErrMutant, m)
	}
	if !slices.ContainsFunc(mutations, func(known Mutation) bool { return known.Name == m }) {
		return fmt.Errorf("%w: there is no %q", ErrMutant, m)
	}
	return nil
}
