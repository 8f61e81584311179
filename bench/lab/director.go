package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"spike/bench/rig"
)

// director is the process on a layer-4 machine. It asks each nginx for its health, and tells the kernel each change in one step.
// The buyers' address is on lo, where OSPF finds it, only while an nginx lives.
type director struct {
	plan plan
	self Balancer
	do   func(context.Context, Command) error
	said io.Writer
	live []Real
}

// Direct runs a director. It writes a line to out for each change of the living nginx.
func Direct(ctx context.Context, t Topology, kind string, out io.Writer) error {
	p := newPlan(t)
	b, err := newBalancer(kind, p.service())
	if err != nil {
		return err
	}
	d := &director{plan: p, said: out, self: b, do: func(ctx context.Context, c Command) error {
		if _, err := rig.Run(ctx, c.Input, c.Program, c.Args...); err != nil && ctx.Err() == nil {
			return fmt.Errorf("director: %w", err)
		}
		return nil
	}}
	// A killed director may have left the address. The address comes back when an nginx lives, and goes when this director ends.
	if err = errors.Join(d.address(ctx, "flush"), d.do(ctx, b.Begin())); err == nil {
		err = d.watch(ctx)
	}
	if gone := d.address(context.WithoutCancel(ctx), "flush"); err == nil {
		err = gone
	}
	return err
}

// watch asks all nginx, again and again.
func (d *director) watch(ctx context.Context) error {
	ask := &http.Client{Timeout: checkTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	healths := make([]health, len(d.plan.fronts))
	tick := time.NewTicker(ms(d.plan.Check.EveryMS))
	defer tick.Stop()
	for {
		answers := answersOf(ctx, ask, d.plan.reals())
		if ctx.Err() != nil {
			return nil
		}
		var live []Real
		for i, r := range d.plan.reals() {
			if healths[i].note(answers[i], d.plan.Check) {
				live = append(live, r)
			}
		}
		if err := d.turn(ctx, live); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// checkTimeout bounds one question. nginx answers it without an edge. A stalling machine takes longer, and is not dead.
const checkTimeout = time.Second

// answersOf asks all nginx at once.
func answersOf(ctx context.Context, ask *http.Client, reals []Real) []bool {
	answers := make([]bool, len(reals))
	var all []func() error
	for i, r := range reals {
		all = append(all, func() error { answers[i] = healthy(ctx, ask, r.Addr); return nil })
	}
	_ = together(all...)
	return answers
}

// healthy asks for a path above the root, which nginx itself refuses. So an edge that hangs does not take out an nginx.
func healthy(ctx context.Context, ask *http.Client, addr string) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d/..", addr, buyersPort), nil)
	if err != nil {
		return false
	}
	r, err := ask.Do(q)
	if err != nil {
		return false
	}
	_ = r.Body.Close()
	return r.StatusCode == http.StatusBadRequest
}

// turn tells the kernel which nginx live. The balancer is set before the address is announced.
func (d *director) turn(ctx context.Context, live []Real) error {
	if slices.Equal(live, d.live) {
		return nil
	}
	if len(live) == 0 {
		if err := d.address(ctx, "flush"); err != nil {
			return err
		}
	}
	if err := d.do(ctx, d.self.Live(d.live, live)); err != nil {
		return err
	}
	if len(d.live) == 0 {
		if err := d.address(ctx, "add"); err != nil {
			return err
		}
	}
	d.live = live
	names := make([]string, len(live))
	for i, r := range live {
		names[i] = r.Name
	}
	_, err := fmt.Fprintln(d.said, livesWord, strings.Join(names, " "))
	return err
}

// livesWord begins a line with the living nginx.
const livesWord = "live:"

// address adds the buyers' address to lo (add), or removes it if it is there (flush).
func (d *director) address(ctx context.Context, verb string) error {
	args := []string{"address", verb, d.plan.Address.String() + "/32", "dev", "lo"}
	if verb == "flush" {
		args = []string{"address", "flush", "dev", "lo", "to", args[2]}
	}
	return d.do(ctx, Command{"ip", args, ""})
}

// health is a director's opinion of an nginx. At first an nginx counts as dead.
type health struct {
	up     bool
	streak int // answers in a row against the opinion
}

// note takes an answer, and returns whether the nginx counts as alive.
func (h *health) note(good bool, c Check) bool {
	limit := c.Rise
	if h.up {
		limit = c.Fall
	}
	if good == h.up {
		h.streak = 0
	} else if h.streak++; h.streak >= limit {
		h.up, h.streak = good, 0
	}
	return h.up
}
