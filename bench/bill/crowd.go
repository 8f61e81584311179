package bill

import (
	"context"
	"time"

	"spike/bench/crowd"
	"spike/bench/front"
)

// buy sends every request, each with a buyer of its own.
func buy(ctx context.Context, o Options, addr string, wins *crowd.Wins) (crowd.Result, error) {
	return crowd.Run(ctx, crowd.Options{URLs: []string{"http://" + addr + "/buy/" + front.Sale}, Connections: o.Connections,
		Requests: o.Requests, Timeout: 10 * time.Second, Dress: crowd.Named, Heard: wins.Hear})
}
