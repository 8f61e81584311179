package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"spike/bench"
	"spike/bench/rig"
)

// director is the process on a layer-4 machine. It asks each nginx for its health, and tells the kernel each change in one step.
// The buyers' address is on lo, where OSPF finds it, only while an nginx lives.
type director struct {
	plan plan
	kind string // of its balancer
	run  func(ctx context.Context, input, program string, args ...string) (string, error)
	said io.Writer
	live []host
}

// Direct runs a director. It writes a line to out for each change of the living nginx.
func Direct(ctx context.Context, t Topology, kind string, out io.Writer) error {
	d := &director{plan: newPlan(t), kind: kind, run: rig.Run, said: out}
	// A killed director may have left the address. The address comes back when an nginx lives, and goes when this director ends.
	err := errors.Join(d.address(ctx, "flush"), d.balance(ctx, "begin", d.plan))
	if err == nil {
		err = d.watch(ctx)
	}
	if ctx.Err() != nil { // the end interrupts commands
		err = nil
	}
	if err = cmp.Or(err, d.address(context.WithoutCancel(ctx), "flush")); err != nil {
		err = fmt.Errorf("director: %w", err)
	}
	return err
}

// watch asks all nginx, again and again.
func (d *director) watch(ctx context.Context) error {
	var healths []*health
	for _, f := range d.plan.fronts {
		healths = append(healths, &health{host: f, probe: healthy(f, rig.Host)})
	}
	for {
		_ = each(ctx, healths, func(ctx context.Context, h *health) error {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			h.note(h.probe(ctx) == nil, d.plan.Check)
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		var live []host
		for _, h := range healths {
			if h.up {
				live = append(live, h.host)
			}
		}
		if err := d.turn(ctx, live); err != nil {
			return err
		}
		bench.Sleep(ctx, ms(d.plan.Check.EveryMS))
	}
}

// checkTimeout bounds one question. nginx answers it without an edge. A stalling machine takes longer, and is not dead.
const checkTimeout = time.Second

// turn tells the kernel which nginx live. The balancer is set before the address is announced.
func (d *director) turn(ctx context.Context, live []host) error {
	if slices.Equal(live, d.live) {
		return nil
	}
	if len(live) == 0 {
		if err := d.address(ctx, "flush"); err != nil {
			return err
		}
	}
	if err := d.balance(ctx, "change", d.plan.change(d.live, live)); err != nil {
		return err
	}
	if len(d.live) == 0 {
		if err := d.address(ctx, "add"); err != nil {
			return err
		}
	}
	d.live = live
	names := make([]string, len(live))
	for i, h := range live {
		names[i] = h.Name
	}
	_, err := fmt.Fprintln(d.said, livesWord, strings.Join(names, " "))
	return err
}

// livesWord begins a line with the living nginx.
const livesWord = "live:"

// balance makes the kernel's balancer, or changes it.
func (d *director) balance(ctx context.Context, step string, data any) error {
	b := balancers[d.kind]
	_, err := d.run(ctx, conf(d.kind+"."+step, data), b.program, b.load...)
	return err
}

// address adds the buyers' address to lo (add), or removes it if it is there (flush).
func (d *director) address(ctx context.Context, verb string) error {
	args := []string{"address", verb, d.plan.Address.String() + "/32", "dev", "lo"}
	if verb == "flush" {
		args = []string{"address", "flush", "dev", "lo", "to", args[2]}
	}
	_, err := d.run(ctx, "", "ip", args...)
	return err
}

// health is a director's opinion of an nginx. At first an nginx counts as dead.
type health struct {
	host   host
	probe  func(context.Context) error
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
