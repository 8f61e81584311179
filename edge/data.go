package edge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"spike/edge/allotment"
	"spike/luascripts"
)

// dataDir is where an edge keeps what must outlive it: a ring file for each sale it sells. One process has it at a time.
// A nil dataDir keeps nothing: rings are memory.
type dataDir struct {
	path string
	lock *os.File
	boot string
	left []string // ring files that processes before us left
	odd  []string // what is called so and is no file: a link, a directory
}

// openData takes the directory for this process; nil for "".
func openData(path string) (*dataDir, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: --data: %w", ErrConfig, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: --data: %w", ErrConfig, err)
	}
	if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%w: --data %s: another edge has it", ErrConfig, path)
	}
	left, odd, err := ringsIn(path)
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%w: --data: %w", ErrConfig, err)
	}
	return &dataDir{path: path, lock: lock, boot: allotment.BootID(), left: left, odd: odd}, nil
}

// ringsIn are the ring files in a directory of any name: to a pattern, some characters of it would mean others.
func ringsIn(path string) (rings, odd []string, err error) {
	files, err := os.ReadDir(path)
	for _, f := range files {
		switch {
		case !strings.HasSuffix(f.Name(), ringSuffix):
		case f.Type().IsRegular():
			rings = append(rings, filepath.Join(path, f.Name()))
		default:
			odd = append(odd, filepath.Join(path, f.Name()))
		}
	}
	return rings, odd, err
}

const (
	ringSuffix  = ".ring"
	asideSuffix = ".aside" // what could not be understood, or nobody could take: kept for a person
	leftBatch   = 512      // claims in a settle call

	goneAfter = 10 * time.Second // a sale is missed: in a fail-over the wrong server may answer for a moment
	leftTerm  = 5 * time.Second  // of leases that are re-asserted for their claims alone
)

func (d *dataDir) close() {
	if d != nil {
		_ = d.lock.Close()
	}
}

// ringFile is where a ring is kept; "" for one in memory.
type ringFile string

// close ends a ring whose claims the ledger has answered for. What it has refused is kept for a person.
func (f ringFile) close(refused bool) {
	switch {
	case f == "":
	case refused:
		_ = os.Rename(string(f), string(f)+asideSuffix)
	default:
		_ = os.Remove(string(f))
	}
}

// ring is a new ring for a sale, and its file.
func (d *dataDir) ring(sale, instance, node string, birth uint64) (*allotment.Ring, ringFile, error) {
	if d == nil {
		return allotment.NewRing(allotment.RingSize), "", nil
	}
	path := filepath.Join(d.path, fmt.Sprintf("%s-%d-%s%s", sale, birth, instance, ringSuffix))
	r, err := allotment.MapRing(path, allotment.RingOwner{Sale: sale, Birth: birth, Instance: instance, Node: node, Boot: d.boot},
		allotment.RingSize)
	return r, ringFile(path), err
}

// recoverAll settles what processes before us sold and could not settle, and gives back what they did not sell. It goes
// on until all is done or ctx ends; a file that is left is for the next start.
func (d *dataDir) recoverAll(ctx context.Context, store luascripts.Store, log zerolog.Logger) {
	if d == nil {
		return
	}
	for _, path := range d.odd {
		log.Error().Str("file", path).Msg("no file: its claims, if it has any, are not settled")
	}
	waits := map[string]bool{} // and has been named
	for gone := time.Now().Add(goneAfter); len(d.left) > 0; {
		var again []string
		for _, path := range d.left {
			err := d.recover(ctx, path, store, log)
			missing := errors.Is(err, luascripts.ErrNoSale) || errors.Is(err, luascripts.ErrBirth)
			if errors.Is(err, luascripts.ErrDown) || missing && time.Now().Before(gone) {
				if !waits[path] {
					log.Warn().Err(err).Str("file", path).Msg("ring of an edge that died waits")
				}
				waits[path] = true
				again = append(again, path)
			} else if err != nil {
				what := "ring set aside: nobody takes its claims"
				if errors.Is(err, allotment.ErrRingFile) {
					what = "ring set aside: it is damaged; whole claims in it are settled"
				}
				log.Error().Err(err).Str("file", path+asideSuffix).Msg(what)
				_ = os.Rename(path, path+asideSuffix)
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

// recover settles one ring. Its claims are settled as its owner's, batch by batch: each is idempotent, so a crash in
// here costs nothing. On the same boot the ring has every claim there was, so what is left of the owner's leases was
// never promised, and goes free at once (I7); after another boot it waits in limbo.
func (d *dataDir) recover(ctx context.Context, path string, store luascripts.Store, log zerolog.Logger) error {
	owner, claims, torn, err := allotment.ReadRing(path)
	if err != nil {
		return err
	}
	party := luascripts.Party{Birth: owner.Birth, Instance: owner.Instance, Node: owner.Node}
	kept, err := settleLeft(ctx, store, owner.Sale, party, claims)
	if errors.Is(err, luascripts.ErrReassert) { // the store has lost their leases
		if err = reassertLeft(ctx, store, owner.Sale, party, claims); err == nil {
			kept, err = settleLeft(ctx, store, owner.Sale, party, claims)
		}
	}
	if errors.Is(err, luascripts.ErrReassert) { // yet another era
		err = fmt.Errorf("%w: %w", luascripts.ErrDown, err)
	}
	if err != nil {
		return err
	}
	if torn == 0 && owner.Boot == d.boot && d.boot != "" {
		if _, err = store.Renew(ctx, owner.Sale, luascripts.RenewRequest{Party: party, Awaited: math.MaxInt64, Term: time.Second}); err != nil {
			return err
		}
	}
	log.Info().Str("sale", owner.Sale).Str("instance", owner.Instance).Int("settled", kept).Int("dead", len(claims)-kept).Int("torn", torn).
		Msg("ring of an edge that died: settled")
	if torn > 0 {
		return fmt.Errorf("%w: %d torn slots", allotment.ErrRingFile, torn)
	}
	return os.Remove(path)
}

// settleLeft settles claims as their owner's, and says how many stand.
func settleLeft(ctx context.Context, store luascripts.Store, sale string, owner luascripts.Party, claims []luascripts.Claim) (kept int, err error) {
	batch := uint64(1 << 32) // after all of the owner's own
	for some := range slices.Chunk(claims, leftBatch) {
		reply, err := store.Settle(ctx, sale, luascripts.SettleRequest{Party: owner, Batch: batch, Claims: some})
		if err != nil {
			return 0, err
		}
		for _, v := range reply.Verdicts {
			if v == luascripts.Kept {
				kept++
			}
		}
		batch++
	}
	return kept, nil
}

// reassertLeft names the leases that claims were made under, as far as the claims go: nothing else of them was promised.
func reassertLeft(ctx context.Context, store luascripts.Store, sale string, owner luascripts.Party, claims []luascripts.Claim) error {
	shown, err := store.Show(ctx, sale)
	if err != nil {
		return err
	}
	q := luascripts.ReassertRequest{Party: owner, Era: shown.Era, Term: leftTerm, Leases: luascripts.HeldBy(claims)}
	_, err = store.Reassert(ctx, sale, q)
	return err
}
