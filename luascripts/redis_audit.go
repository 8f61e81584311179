package luascripts

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// The audit of a sale, which may be large. Redis gives it in slices, and this file compares them.

const (
	auditTries = 3    // attempts while the sale moves
	ownersScan = 2000 // owners in one HSCAN: about half a millisecond of Redis
	ownersLook = 64   // slices after which it asks whether the sale has moved
)

// errMoved says that two slices are not of one moment.
var errMoved = errors.New("the sale moved")

// Audit runs audit.lua, slice by slice, and reads all owners. If the sale moves meanwhile, it tries again. In the end the
// counters stand for what it could not count.
func (r *Redis) Audit(ctx context.Context, sale string) (ledger.Audit, error) {
	var held ledger.Holdings
	for range auditTries {
		var err error
		if held, err = r.holdings(ctx, sale); errors.Is(err, errMoved) {
			held.Booked = true
			continue
		} else if err != nil {
			return ledger.Audit{}, err
		}
		if held.Owners, err = r.scanOwners(ctx, sale, held); err == nil {
			break
		} else if !errors.Is(err, errMoved) {
			return ledger.Audit{}, err
		}
	}
	return held.Audit(sale), nil
}

// holdings is the free and the leased units at one moment.
func (r *Redis) holdings(ctx context.Context, sale string) (out ledger.Holdings, err error) {
	serial, cursor := "0", "0"
	for first := true; first || serial != "" || cursor != ""; first = false {
		h, rd, err := r.run(ctx, &r.scripts.audit, sale, []string{r.caller(0), serial, cursor})
		if err != nil {
			return out, err
		}
		if !first && !out.Head.Still(h) {
			return out, errMoved
		}
		if first {
			out = ledger.Holdings{Head: h, Owned: uint64(rd.int(0)), Prior: uint64(rd.int(1)), Trouble: rd.text(2),
				Collected: uint64(rd.int(3)), Ranges: int(rd.int(4)), Indexed: int(rd.int(5)),
				Leases: map[uint64]ledger.HeldLease{}}
		}
		serial, cursor = rd.text(6), rd.text(7)
		slice(&out, rd)
		if rd.err != nil {
			return out, r.down(rd.err)
		}
	}
	return out, nil
}

// slice adds one reply's ranges and leases. A lease may be in two replies.
func slice(h *ledger.Holdings, rd *reply) {
	lengths := rd.part(3)
	for k, text := range rd.texts(2) {
		got := rd.ranges(text)
		h.Free = append(h.Free, got...)
		if h.Indexed < 0 || k >= len(lengths) {
			continue
		}
		if n, err := lengths[k].AsFloat64(); err != nil || uint64(n) != got.Len() {
			h.Misplaced = append(h.Misplaced, text)
		}
	}
	leases := rd.texts(4)
	for i := 0; i+2 < len(leases); i += 3 {
		fence, err := strconv.ParseUint(leases[i], 10, 64)
		rd.fail("fence", err)
		h.Leases[fence] = ledger.HeldLease{Fence: fence, Limbo: leases[i+1] == "1", Rest: rd.ranges(leases[i+2])}
	}
}

// scanOwners reads all owners, slice by slice. errMoved: the sale moved meanwhile.
func (r *Redis) scanOwners(ctx context.Context, sale string, held ledger.Holdings) (*ledger.OwnerScan, error) {
	c, unowned, seen := &ledger.OwnerScan{}, held.Unowned(), serialSet{}
	for cursor, slices := uint64(0), 0; ; {
		e, err := r.owners(ctx, sale, cursor)
		if err != nil {
			return nil, r.failed(err)
		}
		for i := 0; i+1 < len(e.Elements); i += 2 {
			if err := count(c, held, unowned, seen, e.Elements[i], e.Elements[i+1]); err != nil {
				return nil, r.down(err)
			}
		}
		slices++
		if cursor = e.Cursor; cursor != 0 && slices%ownersLook != 0 {
			continue
		}
		if shown, err := r.Show(ctx, sale); err != nil || !held.Head.Still(shown.Head) {
			return nil, errors.Join(err, errMoved)
		}
		if cursor == 0 {
			return c, nil
		}
	}
}

// owners is a slice of the owners by serial. A serial may be in two slices.
func (r *Redis) owners(ctx context.Context, sale string, cursor uint64) (rueidis.ScanEntry, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	return r.client.Do(ctx, r.client.B().Hscan().Key(Keys(sale)[6]).Cursor(cursor).Count(ownersScan).Build()).AsScanEntry()
}

// count counts one owner.
func count(c *ledger.OwnerScan, held ledger.Holdings, unowned ledger.RangeSet, seen serialSet, field, value string) error {
	serial, err := strconv.ParseUint(field, 10, 32)
	if err != nil || len(value) < 29 {
		return fmt.Errorf("%w: owner of %q", errReply, field)
	}
	switch {
	case !seen.add(uint32(serial)):
		return nil
	case value[24] == 'c':
		c.Confirmed++
	default:
		c.Pending++
	}
	if serial <= held.Prior || serial > held.Head.Total || unowned.Has(uint32(serial)) {
		c.Twice = append(c.Twice, uint32(serial))
	}
	return nil
}

// serialSet is a set of serials, 8 KB for each 65,536 of them.
type serialSet map[uint16]*[1 << 10]uint64

// add adds a serial, and says whether the set did not have it.
func (s serialSet) add(serial uint32) bool {
	page := s[uint16(serial>>16)]
	if page == nil {
		page = new([1 << 10]uint64)
		s[uint16(serial>>16)] = page
	}
	word, bit := &page[serial&0xffff>>6], uint64(1)<<(serial&63)
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}
