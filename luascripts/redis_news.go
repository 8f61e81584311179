package luascripts

import (
	"context"
	"time"

	"github.com/redis/rueidis"
)

// newsAgain is how long after a lost subscription it is tried again.
const newsAgain = 100 * time.Millisecond

// News subscribes to the news of all sales, and again whenever the connection is lost.
func (r *Redis) News(ctx context.Context, f func(sale string, door State), lost func()) {
	all := r.client.B().Psubscribe().Pattern(newsChannel("*")).Build().Pin()
	listening := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { lost() })
	for ctx.Err() == nil {
		_ = r.client.Receive(listening, all, func(m rueidis.PubSubMessage) {
			if sale, ok := saleOfNews(m.Channel); ok {
				f(sale, doors[m.Message])
			}
		})
		select {
		case <-ctx.Done():
		case <-time.After(newsAgain):
		}
	}
}
