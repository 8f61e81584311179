package luascripts

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// EnterDraw runs enter.lua.
func (r *Redis) EnterDraw(ctx context.Context, sale string, q ledger.EnterRequest) (ledger.EnterReply, error) {
	block := make([]byte, 0, len(q.Buyers)*len(ledger.Buyer{}))
	for _, b := range q.Buyers {
		block = append(block, b[:]...)
	}
	h, rd, err := r.run(ctx, &r.scripts.enter, sale, []string{r.caller(q.Birth), rueidis.BinaryString(block)})
	if err != nil {
		return ledger.EnterReply{}, err
	}
	return ledger.EnterReply{Head: h, Entered: rd.int(0) == 1}, r.down(rd.err)
}

// Draw runs draw.lua.
func (r *Redis) Draw(ctx context.Context, sale string, from, most int) (ledger.DrawReply, error) {
	h, rd, err := r.run(ctx, &r.scripts.draw, sale, []string{r.caller(0), num(from), num(most)})
	if err != nil {
		return ledger.DrawReply{}, err
	}
	out := ledger.DrawReply{Head: h, Secret: ledger.Secret{Seal: rd.text(0), Seed: rd.text(1)}}
	for _, text := range rd.texts(2) {
		var b ledger.Buyer
		if copy(b[:], text) != len(b) || len(text) != len(b) {
			rd.fail("buyer", fmt.Errorf("%d bytes", len(text)))
		}
		out.Buyers = append(out.Buyers, b)
	}
	return out, r.down(rd.err)
}

// lots reads the last part of a head.
func (r *reply) lots(m rueidis.RedisMessage) ledger.Lots {
	part, err := m.ToArray()
	r.fail("lots", err)
	if len(part) != 8 {
		r.fail("lots", fmt.Errorf("%d fields", len(part)))
		return ledger.Lots{}
	}
	n := r.numbers(part[:7])
	seed, err := part[7].ToString()
	r.fail("seed", err)
	return ledger.Lots{Window: n[0], Drawn: n[1], Entrants: uint64(n[2]), Winners: uint64(n[3]), Kept: uint64(n[4]), Ends: n[5],
		Last: n[6], Seed: seed}
}
