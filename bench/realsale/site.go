package realsale

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"spike/bench/crowd"
	"spike/bench/process"
)

const sale = "ticket"

// site is an edge and its Redis, with one sale.
type site struct {
	leg   leg
	phase Phase
	redis *process.Redis
	edge  *process.Edge
	crowd *buyers
}

// openSite starts a site and brings its sale into the phase.
func openSite(ctx context.Context, o Options, p Phase, l leg, dir string) (*site, error) {
	s := &site{leg: l, phase: p}
	err := s.open(ctx, o, dir)
	if err == nil {
		err = s.prepare(ctx, min(time.Second, o.Duration))
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("%s, %s, %s: %w", p.Name, l.kind.Name, l.build, err)
	}
	return s, nil
}

func (s *site) open(ctx context.Context, o Options, dir string) (err error) {
	program := map[string]string{This: o.Binary, Base: o.Base}[s.leg.build]
	name := s.leg.build + "-" + s.leg.kind.Name
	if s.redis, err = process.StartRedis(ctx, dir, "redis-"+name); err != nil {
		return err
	}
	args := []string{"--hold", o.Hold.String()}
	if s.leg.kind.Limit > 0 {
		args = append(args, "--limit-per-buyer", strconv.Itoa(s.leg.kind.Limit))
	}
	if err = s.redis.MakeSale(ctx, program, sale, s.phase.Units, args...); err != nil {
		return err
	}
	s.edge, err = process.StartEdge(ctx, process.EdgeSpec{Name: name, Binary: program, Dir: dir, Redis: s.redis.Addr,
		Args: o.EdgeArgs})
	if err != nil {
		return err
	}
	s.crowd = &buyers{kind: s.leg.kind, url: "http://" + s.edge.Addr + "/buy/" + sale, connections: o.Connections}
	if s.phase.Regular {
		s.crowd.buyers = regulars
	}
	return nil
}

func (s *site) close() {
	if s.edge != nil {
		s.edge.Stop()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
}

// closeAll closes sites at once: an edge takes some seconds to end, for it waits until nginx has noticed.
func closeAll(sites []*site) {
	var wg sync.WaitGroup
	for _, s := range sites {
		wg.Go(s.close)
	}
	wg.Wait()
}

// prepare buys what the phase wants bought, pays, and loads the site for a moment, unmeasured, for its connections and leases.
func (s *site) prepare(ctx context.Context, warm time.Duration) error {
	won := crowd.Wins{Keep: true}
	var err error
	switch {
	case s.phase.Regular:
		err = s.crowd.buy(ctx, regulars*int64(s.leg.kind.Limit), nil)
	case s.phase.Bought:
		err = s.crowd.buy(ctx, s.phase.Units, won.Hear)
	}
	if err == nil && s.phase.Paid {
		err = s.pay(ctx, won.Units())
	}
	if err == nil {
		_, err = s.crowd.send(ctx, warm, manyUnits, nil)
	}
	return err
}

// pay confirms reservations, as a payment service does.
func (s *site) pay(ctx context.Context, units map[uint64]crowd.Reservation) error {
	c := crowd.NewConn(ctx, s.edge.Admin, timeout, nil)
	defer c.Close()
	for _, unit := range units {
		a, err := c.Ask("POST", "/api/v1/reservations/"+unit.Token+"/confirm")
		if err == nil && a.Word() != crowd.Confirmed {
			err = fmt.Errorf("answered %v", a)
		}
		if err != nil {
			return fmt.Errorf("confirm: %w", err)
		}
	}
	return nil
}
