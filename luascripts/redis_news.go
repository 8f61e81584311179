package luascripts

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// How long after a lost subscription it is tried again, and after one that was refused.
const (
	newsAgain   = 100 * time.Millisecond
	newsRefused = 5 * time.Second
)

// Listen subscribes to the news of all sales, and again whenever the connection is lost, which the client does by itself,
// too. One that has gone silent is found out within a few seconds.
func (r *Redis) Listen(ctx context.Context, l Listener) {
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
				l.News(sale, doors[m.Message])
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

// News is Store's.
func (r *Redis) News(ctx context.Context, f func(sale string, door State), lost func()) {
	r.Listen(ctx, Listener{Begin: lost, News: f, End: func() {}, Fails: func(error) {}})
}
