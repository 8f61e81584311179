package price

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"spike/bench"
	"spike/bench/crowd"
	"spike/bench/measure"
	"spike/bench/peers"
	"spike/bench/report"
	"spike/bench/rig"
	"spike/bench/strategies"
)

// Durable measures sales whose buyers hear "won" only when it is durable: `spike serve --ack redis` on a Redis that writes each
// answer to its disk first (appendfsync always), and on one whose replicas have acknowledged it (WAIT). Beside them is a row of
// PostgreSQL, with one commit for all who wait. Every way sells one stock to a crowd that buys as fast as it is answered.
type Durable struct {
	Rounds      int           `default:"3" range:"1..1000" help:"How many rounds: A B C D, then D C B A. Ratios are within a round."`
	Duration    time.Duration `default:"3s" range:"100ms..1m" help:"How long one load lasts."`
	Connections int           `default:"256" range:"1..4096" help:"Connections of the crowd."`
	EdgeArg     []string      `placeholder:"ARG" help:"A further argument of every edge. May be repeated."`
	Only        []string      `sep:";" placeholder:"NAME" help:"${durable_only}"`
}

const row = "PostgreSQL, grouped"

// durableWays, and how many replicas each has; row has no Redis.
var (
	durableWays = []string{"appendfsync always", "1 replica", "2 replicas", row}
	replicasOf  = map[string]int{"1 replica": 1, "2 replicas": 2}
)

// Run measures the ways in turns, there and back.
func (o Durable) Run(ctx context.Context, h measure.Host) (d report.Doc, err error) {
	if err = errors.Join(measure.Check(o), measure.Known("way", o.Only, durableWays)); err != nil {
		return d, err
	}
	parts := []measure.Part{{Subjects: measure.Choose(o.Only, durableWays)}}
	samples, err := measure.Experiment[*shop]{Parts: parts, Rounds: o.Rounds, Turns: measure.ThereAndBack,
		Load: o.load, Close: (*shop).close,
		Open: func(ctx context.Context, _, way string) (*shop, error) { return o.open(ctx, h, way) }}.Run(ctx, h)
	return o.doc(report.ThisMachine(ctx), samples), err
}

// shop is a running way: a site, or a server with its orders in PostgreSQL.
type shop struct {
	*rig.Site
	pg     *rig.Postgres // nil with Redis
	orders *strategies.Database
}

// open starts a way, and loads it for a second.
func (o Durable) open(ctx context.Context, h measure.Host, way string) (s *shop, err error) {
	s = &shop{}
	site := rig.SiteOptions{Units: manyUnits, Make: []string{"--hold", "0s"}, Replicas: replicasOf[way],
		Servers: []rig.Options{{Args: append([]string{"--ack", "redis"}, o.EdgeArg...)}}}
	if site.Replicas == 0 {
		site.Redis = []string{"--appendonly", "yes", "--appendfsync", "always"}
	}
	if way != row {
		s.Site, err = openSite(ctx, h, site)
	} else {
		err = s.openRow(ctx, h)
	}
	if err == nil {
		_, err = s.send(ctx, o, time.Second)
	}
	if err != nil {
		s.close()
	}
	return s, err
}

func (s *shop) openRow(ctx context.Context, h measure.Host) (err error) {
	if s.pg, err = strategies.OpenPostgres(ctx, h.Dir); err != nil {
		return err
	}
	if s.orders, err = strategies.OpenDatabase(ctx, s.pg, "orders"); err != nil {
		return err
	}
	server, err := s.orders.Serve(ctx, peers.Grouped, manyUnits, 2, rig.Options{Binary: h.Program, Dir: h.Dir})
	s.Site = &rig.Site{Servers: []*rig.Server{server}}
	return err
}

func (s *shop) close() {
	if s.Site != nil {
		s.Close()
	}
	if s.orders != nil {
		s.orders.Close()
	}
	if s.pg != nil {
		_ = s.pg.Stop()
	}
}

// send has the crowd buy for so long. Each buyer has a name of its own, which PostgreSQL's orders keep.
func (s *shop) send(ctx context.Context, o Durable, long time.Duration) (crowd.Result, error) {
	return crowd.Run(ctx, crowd.Options{URLs: []string{s.Servers[0].BuyURL(rig.Sale)}, Connections: o.Connections,
		Requests: manyUnits, For: long, Timeout: maxWait, Dress: crowd.Named})
}

// reading has a shop's numbers that only grow.
type reading struct {
	rig.Costs
	Waits int64 `json:"waits"`
}

func (s *shop) read(ctx context.Context) (r reading, err error) {
	if r.Costs, err = s.Costs(ctx); err != nil {
		return r, err
	}
	if s.orders != nil {
		r.Sold, err = s.orders.Number(ctx, `SELECT count(*) FROM orders`)
	} else {
		r.Waits, err = s.Redis.Calls(ctx, "wait")
	}
	return r, err
}

// load loads a shop once. The store must have at once what buyers have heard.
func (o Durable) load(ctx context.Context, s *shop, _ measure.Turn) (m measure.Sample, err error) {
	before, after, seen, err := around(ctx, s.read, s.read, func() (crowd.Result, error) { return s.send(ctx, o, o.Duration) })
	if err != nil {
		return m, err
	}
	cost, waits, units := after.Since(before.Costs), after.Waits-before.Waits, seen.Codes[won]
	m.Raw = struct {
		Load crowd.Result `json:"load"`
		reading
	}{seen, reading{cost, waits}}
	m.Figures = crowdFigures(seen)
	m.Figures["per_sec"] = float64(units) / seen.Elapsed.Seconds()
	m.Figures["server_us"], m.Figures["redis_us"] = measure.Per(cost.Servers, units), measure.Per(cost.Redis, units)
	m.Figures["units_per_script"], m.Figures["units_per_wait"] = measure.Share(units, cost.Scripts), measure.Share(units, waits)
	m.Figures[measure.Faulty] = float64(seen.Errors + seen.Answered - units + max(0, units-cost.Sold))
	return m, err
}

func (o Durable) doc(machine report.Machine, s measure.Samples) report.Doc {
	t := report.Rows("Durable before the answer", "store", s, s.Subjects(), ranged("units/s", 0, "per_sec"),
		report.Range("x row", 2, measure.Over("per_sec", row)), ranged("p50 ms", 2, "p50_ms"), ranged("p99 ms", 2, "p99_ms"),
		ranged("p99.9 ms", 2, "p999_ms"), ranged("server us/unit", 1, "server_us"), ranged("Redis us/unit", 2, "redis_us"),
		median("units/script", 1, "units_per_script"), median("units/WAIT", 1, "units_per_wait"), faulty())
	for _, way := range s.Subjects() {
		mine := s.Of(way)
		t.Notes = append(t.Notes, slices.Concat(
			measure.Target{What: way + ", units/s", Least: true, Bound: 31_000}.Say(mine.Spread("per_sec")),
			measure.Target{What: way + ", p99.9 ms", Bound: 20, Digits: 2}.Say(mine.Spread("p999_ms")))...)
	}
	t.Notes = append(t.Notes, fmt.Sprintf("medians of %s, two loads of %v each, %d connections; load, server and store share the "+
		"machine", bench.Plural(o.Rounds, "round"), o.Duration, o.Connections))
	return report.Doc{Name: "durable", Title: "Durable sales", Machine: machine, Options: o, Tables: []report.Table{t}, Samples: s,
		Failed: s.Sum(measure.Faulty) > 0}
}
