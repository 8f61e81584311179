package luascripts

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// How long after a lost subscription it is tried again, and after one that was refused.
const (
	newsAgain   = 100 * time.Millisecond
	newsRefused = 5 * time.Second
)

// Listen subscribes to the news of all sales, and again whenever the connection is lost, which the client does by itself,
// too. One that has gone silent is found out within a few seconds.
func (r *Redis) Listen(ctx context.Context, l ledger.Listener) {
	all := r.client.B().Psubscribe().Pattern(newsChannel("*")).Build().Pin()
	var on atomic.Bool
	listening := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
		if s.Kind == "psubscribe" && !on.Swap(true) {
			l.Begin()
		}
	})
	listening = rueidis.WithOnReceiveReturnHook(listening, func(err error, _ rueidis.CommandClient) error {
		if on.Swap(false) {
			l.End()
		}
		return err
	})
	for ctx.Err() == nil {
		err := r.client.Receive(listening, all, func(m rueidis.PubSubMessage) {
			if sale, ok := saleOfNews(m.Channel); ok {
				l.News(sale, ledger.StateOf(m.Message))
			}
		})
		if ctx.Err() == nil && err != nil {
			l.Fails(err)
		}
		pause := newsAgain
		if _, refused := rueidis.IsRedisErr(err); refused {
			pause = newsRefused
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// News is ledger.Store's. The subscription is a connection to one server, which may live on while the sale's is another by now; and
// it may be refused. So histories are watched, too: once a store, not once a sale.
func (r *Redis) News(ctx context.Context, f func(sale string, door ledger.State), lost func()) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { r.watchHistories(ctx, lost) })
	r.Listen(ctx, ledger.Listener{Begin: lost, News: f, End: func() {}, Fails: func(error) {}})
}

// historyEvery is how often the servers are asked which history they have: well within Bounds.Proof.
const historyEvery = time.Second

// watchHistories tells when a server is another process than before, or calls its history by another name.
func (r *Redis) watchHistories(ctx context.Context, changed func()) {
	tick := time.NewTicker(historyEvery)
	defer tick.Stop()
	known := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		fresh := false
		for addr, mark := range histories(ctx, r.client.Nodes()) {
			was, seen := known[addr]
			fresh = fresh || seen && was != mark || !seen && len(known) > 0
			known[addr] = mark
		}
		if fresh {
			changed()
		}
	}
}

// histories asks all servers side by side; who does not answer is left out.
func histories(ctx context.Context, nodes map[string]rueidis.Client) map[string]string {
	var mu sync.Mutex
	var asking sync.WaitGroup
	marks := map[string]string{}
	for addr, node := range nodes {
		asking.Go(func() {
			info, err := ask(ctx, node, node.B().Info().Section("server", "replication").Build())
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			marks[addr] = infoField(info, "run_id") + infoField(info, "master_replid")
		})
	}
	asking.Wait()
	return marks
}
