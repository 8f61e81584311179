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
)

// director is the process on a layer-4 machine. It asks each nginx for its health, and when that changes it tells the kernel
// in one step; the address that buyers call is on lo, where OSPF finds it, only while somebody lives to answer.
type director struct {
	plan plan
	self Balancer
	do   func(context.Context, Command) error
	said io.Writer
	live []Real
}

// Direct is a director's life. It says on out, a line for each change, who lives.
func Direct(ctx context.Context, t Topology, kind string, out io.Writer) error {
	p := newPlan(t)
	b, err := newBalancer(kind, p.service())
	if err != nil {
		return err
	}
	d := &director{plan: p, said: out, self: b, do: func(ctx context.Context, c Command) error {
		if _, err := output(ctx, c.Input, c.Program, c.Args...); err != nil && ctx.Err() == nil {
			return fmt.Errorf("director: %w", err)
		}
		return nil
	}}
	// One that was killed may have left the address: it comes back when somebody lives to answer. And it goes with us.
	if err = errors.Join(d.address(ctx, "flush"), d.do(ctx, b.Begin())); err == nil {
		err = d.watch(ctx)
	}
	if gone := d.address(context.WithoutCancel(ctx), "flush"); err == nil {
		err = gone
	}
	return err
}

// watch asks all of them, again and again.
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

// checkTimeout bounds one question. nginx answers it out of its own head; a machine that stalls takes longer, and is not dead.
const checkTimeout = time.Second

// answersOf asks all at once.
func answersOf(ctx context.Context, ask *http.Client, reals []Real) []bool {
	answers := make([]bool, len(reals))
	var all []func() error
	for i, r := range reals {
		all = append(all, func() error { answers[i] = healthy(ctx, ask, r.Addr); return nil })
	}
	_ = together(all...)
	return answers
}

// healthy asks for a path above the root, which nginx refuses by itself: an edge that hangs must not take out an nginx.
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

// turn makes the kernel true to who lives. The balancer knows before the address is announced.
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

// livesWord begins the line that says who lives.
const livesWord = "live:"

// address puts what buyers call on lo (add), or takes it away if it is there (flush).
func (d *director) address(ctx context.Context, verb string) error {
	args := []string{"address", verb, d.plan.Address.String() + "/32", "dev", "lo"}
	if verb == "flush" {
		args = []string{"address", "flush", "dev", "lo", "to", args[2]}
	}
	return d.do(ctx, Command{"ip", args, ""})
}

// health is what a director thinks of an nginx. At first it is dead.
type health struct {
	up     bool
	streak int // answers in a row that speak against it
}

// note takes an answer, and returns whether it lives.
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
