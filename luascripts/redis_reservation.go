package luascripts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// Deducts and reservations.

// Deduct is DeductEach for one buy.
func (r *Redis) Deduct(ctx context.Context, sale string, q ledger.DeductRequest) (ledger.DeductReply, error) {
	return ledger.One(r.DeductEach(ctx, sale, []ledger.DeductRequest{q}))
}

// DeductEach runs deduct.lua, or by lot collect.lua. While the index of free ranges is being rebuilt, it asks again for the buys
// that are not decided, and each call rebuilds a slice.
func (r *Redis) DeductEach(ctx context.Context, sale string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	out, err := r.deduct(ctx, sale, qs)
	for end := time.Now().Add(ledger.Timeout); err == nil; {
		open := undecided(out)
		switch {
		case len(open) == 0:
			return out, nil
		case ctx.Err() != nil || time.Now().After(end):
			for _, k := range open {
				out[k].Err = r.down(out[k].Err)
			}
			return out, nil
		}
		rest := make([]ledger.DeductRequest, len(open))
		for k, at := range open {
			rest[k] = qs[at]
		}
		var more []ledger.Deducted
		if more, err = r.deduct(ctx, sale, rest); err == nil {
			for k, at := range open {
				out[at] = more[k]
			}
		}
	}
	return nil, err
}

// undecided are the buys that must be asked again.
func undecided(out []ledger.Deducted) (open []int) {
	for k := range out {
		if errors.Is(out[k].Err, ledger.ErrIndexing) {
			open = append(open, k)
		}
	}
	return open
}

// deduct is one call for these buys.
func (r *Redis) deduct(ctx context.Context, sale string, qs []ledger.DeductRequest) ([]ledger.Deducted, error) {
	s, args := r.purchase(qs)
	h, rd, err := r.run(ctx, s, sale, args)
	if len(qs) == 1 && errors.Is(err, ledger.ErrIndexing) {
		return []ledger.Deducted{{Err: err}}, nil
	}
	if err != nil {
		return nil, err
	}
	out := rd.deducted(h, qs, rd.texts(2))
	return out, r.down(rd.err)
}

// purchase is the script of buys, and its arguments.
func (r *Redis) purchase(qs []ledger.DeductRequest) (*script, []string) {
	wants, keys, offers := make([]byte, 0, len(qs)*wantSize), make([]byte, 0, len(qs)*keySize), []byte{}
	for _, q := range qs {
		wants = binary.BigEndian.AppendUint32(wants, q.N)
	}
	for _, q := range qs {
		wants = binary.BigEndian.AppendUint64(wants, q.Nonce)
	}
	for k, q := range qs {
		wants, keys = append(wants, q.Buyer[:]...), appendKey(keys, q.Key)
		if q.Offer.Count > 0 {
			offers = q.Offer.AppendTo(binary.BigEndian.AppendUint32(offers, uint32(k+1)))
		}
	}
	args := []string{r.caller(qs[0].Birth), num(qs[0].Latest), rueidis.BinaryString(wants), keyBytes(keys)}
	if qs[0].ByLot {
		return &r.scripts.collect, append(args, flag(qs[0].Ever))
	}
	return &r.scripts.deduct, append(args, rueidis.BinaryString(offers))
}

// appendKey appends a key as the field of ANSWERS that it is.
func appendKey(to []byte, key ledger.IdempotencyKey) []byte {
	if key == (ledger.IdempotencyKey{}) {
		return append(to, make([]byte, keySize)...)
	}
	return append(append(to, 'k'), key[:]...)
}

// keyBytes is the keys' bytes; nothing if no buy has a key.
func keyBytes(keys []byte) string {
	if !slices.ContainsFunc(keys, func(b byte) bool { return b != 0 }) {
		return ""
	}
	return rueidis.BinaryString(keys)
}

const (
	wantSize   = 20 // of a buy without its key, as deduct.lua reads it
	keySize    = 17 // of a key
	answerSize = 56 // of an answer, of which the first bytes say nothing
	unread     = 8
	barred     = int64(ledger.KeyUsed) + 1
)

// deducted reads the answers of deduct.lua. Those that count a refusal have its text.
func (r *reply) deducted(h ledger.Head, qs []ledger.DeductRequest, refusals []string) []ledger.Deducted {
	block := []byte(r.text(0))
	if len(block) != answerSize*len(qs) {
		r.fail("answers", fmt.Errorf("%d bytes for %d buys", len(block), len(qs)))
		return nil
	}
	out := make([]ledger.Deducted, len(qs))
	for k := range out {
		b := block[k*answerSize+unread:]
		u32 := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
		u64 := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
		d, answer, first := &out[k], int64(u32(4)), u32(8)
		d.Head = h
		if answer == barred {
			d.Err = r.refusal(refusals, first)
			continue
		}
		d.Answer, d.Until = one(r, answer, ledger.KeyUsed), int64(u64(40))
		if n := u32(12); n > 0 {
			d.Claim = ledger.Claim{Serial: first, Count: n, Fence: u64(16), Nonce: u64(24), Expiry: int64(u64(32)), Buyer: qs[k].Buyer}
		} else if d.Answer == ledger.Granted {
			r.fail("claim", errors.New("it has no units"))
		}
	}
	return out
}

func (r *reply) refusal(texts []string, k uint32) error {
	if int64(k) >= int64(len(texts)) || ledger.ParseRefusal(texts[k]) == nil {
		r.fail("refusal", fmt.Errorf("%d of %q", k, texts))
		return nil
	}
	return ledger.ParseRefusal(texts[k])
}

// Answers runs answers.lua.
func (r *Redis) Answers(ctx context.Context, sale string, q ledger.AnswersRequest) (ledger.AnswersReply, error) {
	args := []string{r.caller(q.Birth), num(ledger.MaxAnswers), "", "", "", ""}
	if q.Last != nil {
		args = append(args[:2], num(q.Last.Wins.Last), num(q.Last.Wins.First), num(q.Last.Others.Last), num(q.Last.Others.First))
	}
	h, rd, err := r.run(ctx, &r.scripts.answers, sale, args)
	if err != nil {
		return ledger.AnswersReply{}, err
	}
	out := ledger.AnswersReply{Head: h, More: rd.int(0) == 1, Mark: ledger.AnswersMark{
		Wins: ledger.LogMark{Last: rd.int(3), First: rd.int(4)}, Others: ledger.LogMark{Last: rd.int(5), First: rd.int(6)}}}
	for key := range slices.Chunk(rd.eights(1), 8) {
		out.Keys = append(out.Keys, [8]byte(key))
	}
	for buyer := range slices.Chunk(rd.eights(2), 8) {
		out.Buyers = append(out.Buyers, ledger.Buyer(buyer))
	}
	return out, r.down(rd.err)
}

// eights is a text of part 1 whose length is a multiple of 8.
func (r *reply) eights(k int) []byte {
	text := []byte(r.text(k))
	if len(text)%8 != 0 {
		r.fail("hashes", fmt.Errorf("%d bytes", len(text)))
		return nil
	}
	return text
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

// Release runs release.lua.
func (r *Redis) Release(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	return r.pass(ctx, &r.scripts.release, sale, birth, c)
}

// pass runs a script that moves a reservation on.
func (r *Redis) pass(ctx context.Context, s *script, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	h, rd, err := r.run(ctx, s, sale, []string{r.caller(birth), wire(c)})
	if err != nil {
		return ledger.ReservationReply{}, err
	}
	return ledger.ReservationReply{Head: h, Life: one(rd, rd.int(0), ledger.IsRefunded)}, r.down(rd.err)
}

// Prolong runs prolong.lua.
func (r *Redis) Prolong(ctx context.Context, sale string, birth uint64, c ledger.Claim, by time.Duration) (
	ledger.ReservationReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.prolong, sale, []string{r.caller(birth), wire(c), num(by.Microseconds())})
	if err != nil {
		return ledger.ReservationReply{}, err
	}
	n := rd.row(2)
	return ledger.ReservationReply{Head: h, Life: one(rd, n[0], ledger.IsRefunded), Until: n[1]}, r.down(rd.err)
}

// Unit runs unit.lua.
func (r *Redis) Unit(ctx context.Context, sale string, birth uint64, serial uint32, id ledger.Claim) (ledger.UnitReply, error) {
	name := ""
	if id.Fence != 0 {
		name = rueidis.BinaryString(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.Fence), id.Nonce))
	}
	h, rd, err := r.run(ctx, &r.scripts.unit, sale, []string{r.caller(birth), num(serial), name})
	if err != nil {
		return ledger.UnitReply{}, err
	}
	claims, err := ledger.ParseClaims([]byte(rd.text(0)))
	rd.fail("claim", err)
	out := ledger.UnitReply{Head: h}
	if len(claims) > 0 {
		out.Claim = claims[0]
	}
	return out, r.down(rd.err)
}

// Reservation runs reservation.lua.
func (r *Redis) Reservation(ctx context.Context, sale string, birth uint64, c ledger.Claim) (ledger.ReservationReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.reservation, sale, []string{r.caller(birth), wire(c), ledger.OrdersGroup})
	if err != nil {
		return ledger.ReservationReply{}, err
	}
	n := rd.row(3)
	return ledger.ReservationReply{Head: h, Life: one(rd, n[0], ledger.IsRefunded), Until: n[1], Stored: n[2] == 1}, r.down(rd.err)
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
