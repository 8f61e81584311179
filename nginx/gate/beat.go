package gate

import (
	"context"
	"crypto/rand"

	"spike/luascripts/beater"
	"spike/luascripts/ledger"
)

// Beat tells the store each second what the gate does, and what the nginx beside it has counted, until end is called. status is
// the URL of nginx' counts; "": there is none.
func (g *Gate) Beat(store beater.Store, node, version, status string) (end func()) {
	nginx := newFront(status)
	b := &beater.Beater{Store: store, Log: g.log, Who: ledger.Beat{Kind: ledger.GateKind, Instance: rand.Text(), Node: node,
		Version: version}}
	failed := 0 // looks at nginx' counts, in a row
	b.Look = func(ctx context.Context, b *ledger.Beat) []ledger.Entry {
		b.Why = g.Unready(ctx)
		b.Ready = b.Why == ""
		b.Front = g.standing()
		if status == "" {
			return nil
		}
		err := nginx.read(ctx, b.Front)
		if failed++; err == nil {
			failed = 0
		}
		if failed == frontFailures && ctx.Err() == nil {
			g.log.Warn().Err(err).Msg("gate: nginx' own counts cannot be read (topology: status); nobody sees whom nginx answers")
		}
		return nil
	}
	stop := b.Begin()
	return func() {
		stop()
		nginx.close()
	}
}

// standing is the gate's part of its beat.
func (g *Gate) standing() *ledger.FrontBeat {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &ledger.FrontBeat{Listening: g.listening, Flags: uint64(g.flags), NoneNow: uint64(g.noneNow)}
}
