package luascripts

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"spike/luascripts/ledger"
)

// How long to wait before the next attempt, after a subscription was lost, and after one was refused.
const (
	newsAgain   = 100 * time.Millisecond
	newsRefused = 5 * time.Second
)

// Listen subscribes to the news of all sales. It does so again when the connection is lost, as the client does by itself. A
// connection that has gone silent is noticed within a few seconds.
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

// News is ledger.Store's. The subscription is a connection to one server. That server may live on while the sale is on
// another by now, or may refuse the subscription. So News watches histories, too: once for the store, not for each sale.
func (r *Redis) News(ctx context.Context, f func(sale string, door ledger.State), lost func()) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { r.watchHistories(ctx, lost) })
	r.Listen(ctx, ledger.Listener{Begin: lost, News: f, End: func() {}, Fails: func(error) {}})
}

// historyEvery is how often the servers are asked for their histories: well within Bounds.Proof.
const historyEvery = time.Second

// watchHistories reports that a server is another process than before, or calls its history by another name.
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

// histories asks all servers at once. A server that does not answer is left out.
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
