package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/rs/zerolog"

	"spike/edge"
	"spike/luascripts"
)

// ServeCmd is an edge.
type ServeCmd struct {
	storeFlag
	Listen      string        `default:":3005" placeholder:"ADDR" help:"Where buyers come in."`
	Admin       string        `default:"127.0.0.1:3006" placeholder:"ADDR" help:"Where operators come in; empty: nowhere."`
	AdminToken  string        `placeholder:"TOKEN" help:"Bearer token of the operators' side. Needed off loopback."`
	Node        string        `placeholder:"NAME" help:"This edge's name, for people. Default: host name and port."`
	Sales       []string      `placeholder:"NAME" help:"Sell these only. Default: every sale."`
	Ack         string        `enum:"edge,redis" default:"edge" help:"When a buyer hears \"won\": edge (in this edge's ring) or redis (in the ledger)."`
	Data        string        `placeholder:"DIR" help:"Keep the ring in files here: kill -9 then loses no win. Default: memory."`
	Lease       time.Duration `default:"5s" help:"How long a lease lasts, from 3s to 1m."`
	Grace       time.Duration `default:"10s" help:"For draining, settling and giving back at the end."`
	Lang        string        `enum:"zh,en" default:"zh" help:"Language of the answers."`
	DecisionLog string        `placeholder:"FILE" help:"Log every decision as the article does (result:1,localSales:17); - is standard output."`
	Config      configFile    `placeholder:"FILE" help:"The same settings in YAML, by the flags' names."`

	MutexProfileFraction int `default:"0" placeholder:"N" help:"Record 1 of N mutex contentions for pprof; 0: none."`
	BlockProfileRate     int `default:"0" placeholder:"NS" help:"Record blocking of NS nanoseconds and more for pprof; 0: none."`
}

// Run serves until a signal.
func (c *ServeCmd) Run(ctx context.Context) error {
	log := zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: time.TimeOnly, NoColor: true}).With().Timestamp().Logger()
	if c.Lease < 3*time.Second || c.Lease > time.Minute {
		return fmt.Errorf("%w: --lease %v is not between 3s and 1m", errUsage, c.Lease)
	}
	runtime.SetMutexProfileFraction(c.MutexProfileFraction)
	runtime.SetBlockProfileRate(c.BlockProfileRate)
	store, err := c.store(ctx, log)
	if err != nil {
		return err
	}
	defer store.Close()
	return edge.Run(ctx, edge.Config{Listen: c.Listen, Admin: c.Admin, AdminToken: c.AdminToken, Node: c.node(),
		Sales: c.Sales, Ack: edge.Ack(c.Ack), Lang: c.Lang, Lease: c.Lease, Grace: c.Grace,
		Bounds: luascripts.DefaultBounds(), Data: c.Data, Decisions: c.DecisionLog}, store, log)
}

// store is Redis, or else the embedded one with the article's sale in it.
func (c *ServeCmd) store(ctx context.Context, log zerolog.Logger) (luascripts.Store, error) {
	if c.Redis != "" {
		store, err := c.dial(ctx)
		if err == nil && c.Ack == string(edge.AckEdge) && c.Data == "" {
			log.Warn().Msg("the ring is in memory: wins not settled yet (normally the last 40 ms) die with this process; --data DIR keeps them, --ack redis tells buyers after the ledger has them")
		}
		return store, err
	}
	store := luascripts.NewEmbedded(luascripts.DefaultBounds(), time.Now)
	if _, err := store.Create(ctx, "ticket", luascripts.CreateRequest{Total: 10_000, Hold: defaultHold}); err != nil {
		return nil, err
	}
	log.Warn().Msg("no --redis: sale ticket has 10,000 units in this process's memory; nothing is kept after exit")
	return store, nil
}

func (c *ServeCmd) node() string {
	if c.Node != "" {
		return c.Node
	}
	host, err := os.Hostname()
	if err != nil {
		host = "edge"
	}
	return host + c.Listen
}
