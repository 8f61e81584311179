package edge_test

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog/log"

	"spike/edge"
	"spike/edge/token"
	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// An edge that sells 10,000 tickets from memory on port 3005, until it is told to stop.
func ExampleRun() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store := memory.New(ledger.DefaultBounds(), time.Now)
	if _, err := store.Create(ctx, "ticket", ledger.CreateRequest{Total: 10_000, Hold: 5 * time.Minute}); err != nil {
		log.Fatal().Err(err).Msg("no sale")
	}
	cfg := edge.Config{Listen: "127.0.0.1:3005", Node: "here", Ack: edge.AckEdge, Lang: "en", Lease: 5 * time.Second,
		Grace: 10 * time.Second, Bounds: ledger.DefaultBounds(), TokenKeys: [][]byte{make([]byte, token.MinKey)}}
	if err := edge.Run(ctx, cfg, store, log.Logger); err != nil {
		log.Error().Err(err).Msg("the edge ended")
	}
}
