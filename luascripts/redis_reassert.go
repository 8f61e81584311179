package luascripts

import (
	"context"
	"fmt"

	"spike/luascripts/ledger"
	"spike/shard"
)

// maxPieceRanges is how many ranges one call of reassert.lua may name.
const maxPieceRanges = 256

// piece is a part of a re-asserted lease: what is held of it from one serial to another.
type piece struct {
	of          int // index of the lease in the request
	first, stop uint64
	ranges      ledger.Ranges
}

// pieces cuts what is held into the pieces of each call, in order.
func pieces(leases []ledger.Held) (calls [][]piece) {
	var call []piece
	room := maxPieceRanges
	for i, l := range leases {
		for first, rest := uint64(0), l.Ranges; ; {
			if room == 0 {
				calls, call, room = append(calls, call), nil, maxPieceRanges
			}
			p := piece{of: i, first: first, stop: ledger.MaxSerial + 1, ranges: rest[:min(len(rest), room)]}
			rest = rest[len(p.ranges):]
			room -= max(1, len(p.ranges))
			if len(rest) > 0 {
				p.stop = uint64(rest[0].Start)
			}
			call, first = append(call, p), p.stop
			if len(rest) == 0 {
				break
			}
		}
	}
	return append(calls, call)
}

// Reassert runs reassert.lua as often as it takes.
func (r *Redis) Reassert(ctx context.Context, sale string, q ledger.ReassertRequest) (ledger.ReassertReply, error) {
	out := ledger.ReassertReply{Grants: make([]ledger.Grant, len(q.Leases))}
	calls := pieces(q.Leases)
	for i, call := range calls {
		same, err := r.reassertSome(ctx, sale, q, call, i == len(calls)-1, &out)
		if err != nil {
			return ledger.ReassertReply{}, err
		}
		if !same {
			return ledger.ReassertReply{Head: out.Head}, nil
		}
	}
	return out, nil
}

// reassertSome names some pieces, and adds what the ledger has of them to the reply. false: it is another era by now.
func (r *Redis) reassertSome(ctx context.Context, sale string, q ledger.ReassertRequest, call []piece, last bool,
	out *ledger.ReassertReply) (same bool, err error) {
	for at := [2]int64{}; ; {
		args := []string{r.caller(q.Birth), q.Instance, q.Node, num(q.Era), num(q.Term.Microseconds()), num(q.Was),
			num(q.LastApplied), num(q.Told), flag(last), num(at[0]), num(at[1])}
		for _, p := range call {
			args = append(args, p.args(q.Leases[p.of])...)
		}
		h, rd, err := r.run(ctx, &r.scripts.reassert, sale, args)
		if err != nil {
			return false, err
		}
		out.Head = h
		if len(rd.parts) == 1 {
			return false, nil
		}
		if len(rd.part(1)) == 0 {
			for i, p := range call {
				out.Grants[p.of] = joined(out.Grants[p.of], rd.grant(i+2))
			}
			return true, r.down(rd.err)
		}
		next := [2]int64{rd.int(0), rd.int(1)}
		if next[0] < at[0] || next[0] == at[0] && next[1] <= at[1] {
			rd.fail("reassert", fmt.Errorf("%v after %v", next, at))
		}
		if rd.err != nil {
			return false, r.down(rd.err)
		}
		at = next
	}
}

func (p piece) args(l ledger.Held) []string {
	args := []string{num(l.Fence), num(l.Request), num(l.Deadline), num(p.first), num(p.stop), num(len(p.ranges))}
	for _, r := range p.ranges {
		args = append(args, num(r.Start), num(r.End))
	}
	return args
}

// joined adds one more piece of a lease to a grant. The newest deadline counts.
func joined(g, more ledger.Grant) ledger.Grant {
	if g.Fence == 0 {
		return more
	}
	g.Deadline, g.Hold = more.Deadline, more.Hold
	for _, r := range more.Ranges {
		if last := len(g.Ranges) - 1; last >= 0 && g.Ranges[last].End == r.Start {
			g.Ranges[last] = shard.Range{Start: g.Ranges[last].Start, End: r.End}
		} else {
			g.Ranges = append(g.Ranges, r)
		}
	}
	return g
}
