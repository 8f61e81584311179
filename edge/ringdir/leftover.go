package ringdir

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
	"spike/luascripts/ledger"
)

// Rings of earlier processes.

const (
	leftBatch = 512 // units in a settle call; the last claim may exceed it

	goneAfter = 10 * time.Second // a sale counts as gone only then, because in a fail-over the wrong server may answer for a moment
	leftTerm  = 5 * time.Second  // term of leases that are re-asserted only for their claims
)

// RecoverAll settles the claims that earlier processes left behind, and gives back the units that they did not sell. It runs
// until all is done or ctx ends. The next start tries the files that are left.
func (d *Dir) RecoverAll(ctx context.Context, store Store, log zerolog.Logger) {
	for _, path := range d.odd {
		log.Error().Str("file", path).Msg("no file: its claims, if it has any, are not settled")
	}
	waits := map[string]bool{} // files that wait, and have been logged
	for gone := time.Now().Add(goneAfter); len(d.left) > 0; {
		var again []string
		for _, path := range d.left {
			err := d.recover(ctx, path, store, log)
			missing := errors.Is(err, ledger.ErrNoSale) || errors.Is(err, ledger.ErrBirth)
			if waiting(err) || missing && time.Now().Before(gone) {
				if !waits[path] {
					log.Warn().Err(err).Str("file", path).Msg("ring of an edge that died waits")
				}
				waits[path] = true
				again = append(again, path)
			} else if err != nil {
				d.setAside(path, err, log)
			}
		}
		d.left = again
		if len(again) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// waiting says that a ring may be settled later, because the store is away or an edge has the ring.
func waiting(err error) bool {
	return errors.Is(err, ledger.ErrDown) || errors.Is(err, ledger.ErrReassert) || errors.Is(err, allotment.ErrRingLives)
}

// recover settles one ring. Its claims are settled as its owner's, batch by batch, and its offers are bound to their keys. Each
// call is idempotent, so a crash here costs nothing. The rest of the owner's leases goes free at once if the ring proves that it
// was never promised (I7). Otherwise it waits in limbo.
func (d *Dir) recover(ctx context.Context, path string, store Store, log zerolog.Logger) error {
	left, err := allotment.ReadRing(path, d.boot)
	if err != nil {
		return err
	}
	defer left.Close()
	if ledger.Passing(left.Store) && left.Store != d.store {
		return errors.New("the store it was made for ended with its process")
	}
	r := leftover{left, store, ledger.Party{Birth: left.Birth, Instance: left.Instance, Node: left.Node}}
	kept, err := r.settle(ctx)
	if errors.Is(err, ledger.ErrReassert) && left.Whose { // the store has lost their leases
		if err = r.reassert(ctx); err == nil {
			kept, err = r.settle(ctx)
		}
	}
	if err != nil {
		return err
	}
	if left.Doubt == "" {
		q := ledger.RenewRequest{Party: r.owner, Awaited: math.MaxInt64, Term: time.Second}
		if _, err = store.Renew(ctx, left.Sale, q); err != nil {
			return err
		}
	}
	told := log.Info().Str("sale", left.Sale).Str("instance", left.Instance).Int("settled", kept).
		Int("over_or_untold", len(left.Claims)+len(left.Offers)-kept).Int("torn", left.Torn)
	if left.Doubt != "" {
		told.Str("unsold_waits_in_limbo", left.Doubt)
	}
	told.Msg("ring of an edge that died: settled")
	if left.Torn > 0 {
		return fmt.Errorf("%w: %d torn slots", allotment.ErrRingFile, left.Torn)
	}
	return os.Remove(path)
}

// leftover is an earlier process' ring.
type leftover struct {
	*allotment.Left
	store Store
	owner ledger.Party
}

// settle settles claims as their owner's, and binds offers to their keys. kept is how many claims and offers are good.
func (r leftover) settle(ctx context.Context) (kept int, err error) {
	batch := uint64(1 << 32) // greater than the owner's own numbers
	for claims := r.Claims; len(claims) > 0; {
		var some []ledger.Claim
		some, claims = ledger.Batch(claims, leftBatch)
		reply, err := r.store.Settle(ctx, r.Sale, ledger.SettleRequest{Party: r.owner, Batch: batch, Claims: some})
		if err != nil {
			return 0, err
		}
		for _, v := range reply.Verdicts {
			if v == ledger.Kept {
				kept++
			}
		}
		batch++
	}
	for _, o := range r.Offers {
		reply, err := r.store.Deduct(ctx, r.Sale, allotment.DeductOffer(r.Birth, o))
		switch {
		case errors.Is(err, ledger.ErrForeign): // the ledger grants nothing, but takes the offer back, of which no buyer was told
			_, err = r.store.Cancel(ctx, r.Sale, r.Birth, o.Claim)
		case err == nil && reply.Answer == ledger.Granted && reply.Claim.Nonce == o.Nonce && reply.Claim.Fence == o.Fence:
			kept++
		}
		if err != nil {
			return 0, err
		}
	}
	return kept, nil
}

// reassert names the leases of the claims, but only the claims' units, because no other unit of these leases was promised.
func (r leftover) reassert(ctx context.Context) error {
	shown, err := r.store.Show(ctx, r.Sale)
	if err != nil {
		return err
	}
	q := ledger.ReassertRequest{Party: r.owner, Era: shown.Era, Term: leftTerm, Leases: ledger.HeldBy(r.All())}
	_, err = r.store.Reassert(ctx, r.Sale, q)
	return err
}
