package luascripts

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// Deducts and reservations.

// Deduct runs deduct.lua, or by lot collect.lua. While the index of free ranges is being rebuilt, it repeats the call, and
// each call rebuilds a slice.
func (r *Redis) Deduct(ctx context.Context, sale string, q ledger.DeductRequest) (ledger.DeductReply, error) {
	s, args := r.purchase(q)
	h, rd, err := r.run(ctx, s, sale, args)
	for end := time.Now().Add(ledger.Timeout); errors.Is(err, ledger.ErrIndexing); {
		if ctx.Err() != nil || time.Now().After(end) {
			return ledger.DeductReply{}, r.down(err)
		}
		h, rd, err = r.run(ctx, s, sale, args)
	}
	if err != nil {
		return ledger.DeductReply{}, err
	}
	n := rd.row(7)
	out := ledger.DeductReply{Head: h, Answer: one(rd, n[0], ledger.KeyUsed), Until: n[6]}
	if n[2] > 0 {
		out.Claim = ledger.Claim{Serial: uint32(n[1]), Count: uint32(n[2]), Fence: uint64(n[3]), Nonce: uint64(n[4]), Expiry: n[5],
			Buyer: q.Buyer}
	}
	return out, r.down(rd.err)
}

// purchase is the script of a buy, and its arguments.
func (r *Redis) purchase(q ledger.DeductRequest) (*script, []string) {
	var key, offer string
	if q.Key != (ledger.IdempotencyKey{}) {
		key = string(q.Key[:])
	}
	args := []string{r.caller(q.Birth), num(q.N), num(q.Nonce), string(q.Buyer[:]), num(q.Latest), key}
	if q.ByLot {
		return &r.scripts.collect, append(args, flag(q.Ever))
	}
	if q.Offer.Count > 0 {
		offer = wire(q.Offer)
	}
	return &r.scripts.deduct, append(args, offer)
}

// wire is the claim in its wire form.
func wire(c ledger.Claim) string {
	return rueidis.BinaryString(c.AppendTo(make([]byte, 0, ledger.ClaimSize)))
}

// Confirm runs confirm.lua.
func (r *Redis) Confirm(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return r.pass(ctx, &r.scripts.confirm, sale, birth, c)
}

// Cancel runs cancel.lua.
func (r *Redis) Cancel(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return r.pass(ctx, &r.scripts.cancel, sale, birth, c)
}

// pass runs a script that moves a reservation on.
func (r *Redis) pass(ctx context.Context, s *script, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	h, rd, err := r.run(ctx, s, sale, []string{r.caller(birth), wire(c)})
	if err != nil {
		return ledger.ReservationReply{}, err
	}
	return ledger.ReservationReply{Head: h, Life: one(rd, rd.int(0), ledger.IsExpired)}, r.down(rd.err)
}

// Reservation runs reservation.lua.
func (r *Redis) Reservation(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.reservation, sale, []string{r.caller(birth), wire(c), ledger.OrdersGroup})
	if err != nil {
		return ledger.ReservationReply{}, err
	}
	n := rd.row(3)
	return ledger.ReservationReply{Head: h, Life: one(rd, n[0], ledger.IsExpired), Until: n[1], Stored: n[2] == 1}, r.down(rd.err)
}

// Mine runs mine.lua.
func (r *Redis) Mine(ctx context.Context, sale string, birth uint64, b ledger.Buyer) (ledger.MineReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.mine, sale, []string{r.caller(birth), rueidis.BinaryString(b[:])})
	if err != nil {
		return ledger.MineReply{}, err
	}
	claims, err := ledger.ParseClaims([]byte(rd.text(0)))
	rd.fail("claims", err)
	return ledger.MineReply{Head: h, Claims: claims}, r.down(rd.err)
}

// Expire runs expire.lua.
func (r *Redis) Expire(ctx context.Context, sale string, most int) (ledger.ExpireReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.expire, sale, []string{r.caller(0), num(int64(most))})
	if err != nil {
		return ledger.ExpireReply{}, err
	}
	return ledger.ExpireReply{Head: h, Freed: uint64(rd.int(0))}, r.down(rd.err)
}

// BindKey runs bindkey.lua.
func (r *Redis) BindKey(ctx context.Context, key ledger.IdempotencyKey, sale string, n uint32, keep time.Duration) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	result, _ := r.exec(ctx, &r.scripts.bindkey, []string{keyPrefix + hex.EncodeToString(key[:1])},
		[]string{string(key[:]), fmt.Sprintf("%s %d", sale, n), num(keep.Milliseconds())}, 0)
	bound, err := result.AsInt64()
	if err == nil && bound == 0 {
		return ledger.ErrKeyUsed
	}
	return r.down(err)
}
