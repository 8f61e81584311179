package order

import (
	"cmp"
	"context"
	"slices"

	"spike/luascripts/beater"
	"spike/luascripts/ledger"
)

// beater tells the store each second what this worker has done.
func (w *Worker) beater() *beater.Beater {
	return &beater.Beater{Store: w.store, Log: w.log, Look: w.look,
		Who: ledger.Beat{Kind: ledger.OrdersKind, Instance: w.group.Consumer, Node: w.cfg.Node, Version: w.cfg.Version}}
}

func (w *Worker) look(ctx context.Context, b *ledger.Beat) []ledger.Entry {
	b.Why = w.unready(ctx)
	b.Ready, b.Draining = b.Why == "", w.stopping.Load()
	m := w.meters
	is := &ledger.OrdersBeat{Rows: m.rows.Load(), Retries: m.retries.Load(), Takeovers: m.takeovers.Load(),
		Expired: m.expired.Load(), Refused: uint64(max(w.parked.Load(), 0)), Odd: m.parked.Load()}
	b.Orders = is
	if w.repo != nil {
		is.Database = w.repo.Kind()
		is.Sales = w.behind()
		b.MoreSales = uint64(max(len(is.Sales)-ledger.BeatSales, 0))
		is.Sales = is.Sales[:min(len(is.Sales), ledger.BeatSales)]
	}
	if w.sender != nil {
		due, parked := w.sender.backlog()
		is.Due, is.Parked, is.Paused = uint64(max(due, 0)), uint64(max(parked, 0)), w.sender.endpoint.pausedNow()
		if last := w.sender.lastError.Load(); last != nil {
			is.LastError = *last
		}
	}
	return nil
}

// behind are the sales, those that are furthest behind first.
func (w *Worker) behind() (all []ledger.OrdersSale) {
	for _, s := range w.supervisor.listed() {
		f := s.getFigures()
		all = append(all, ledger.OrdersSale{Sale: s.name, Unread: f.unread, Unacked: f.unacked, Lag: f.oldest.Microseconds()})
	}
	slices.SortFunc(all, func(a, b ledger.OrdersSale) int {
		return cmp.Or(cmp.Compare(b.Lag, a.Lag), cmp.Compare(b.Unread, a.Unread), cmp.Compare(a.Sale, b.Sale))
	})
	return all
}
