package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
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
		healths = append(healths, &health{host: f})
	}
	for {
		_ = each(ctx, healths, func(ctx context.Context, h *health) error {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			h.note(healthy(h.host, rig.Host)(ctx) == nil, d.plan.Check)
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
	_, err := fmt.Fprintln(d.said, livesWord, strings.Join(names(live), " "))
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

// The balancers, by name.
const (
	NFT = "nftables"
	LVS = "lvs"
)

// balancer spreads connections over the living nginx. It works in the kernel, and a program sets it. Its template NAME.begin
// makes it, with no living nginx; NAME.change changes them (see [change]).
type balancer struct {
	program string
	load    []string       // takes what a template wrote, whole or not at all
	list    []string       // lists the connections passed to each nginx
	passed  *regexp.Regexp // finds a number of connections in that list
}

var balancers = map[string]balancer{
	// It balances as LVS with direct routing does. A packet for the buyers' address is sent on to an nginx unchanged, before the
	// kernel routes it. The seed is the same on every director, so a connection meets the same nginx through any of them. A
	// connection keeps its nginx when the buckets change. The connections of a fallen nginx are forgotten. Their next packet goes
	// to another nginx, which refuses it, and the buyer hears that at once.
	NFT: {"nft", []string{"-f", "-"}, []string{"-j", "list", "counters"}, regexp.MustCompile(`"packets": (\d+)`)},
	// It is the kernel's own balancer (IPVS) with direct routing. It hashes by Maglev, so every director chooses the same nginx.
	LVS: {"ipvsadm", []string{"-R"}, []string{"-Ln", "--stats", "--exact"}, regexp.MustCompile(`-> \S+:\d+ +(\d+)`)},
}

// sum adds up the connections in a list.
func (b balancer) sum(list string) (sum int64, err error) {
	found := b.passed.FindAllStringSubmatch(list, -1)
	if found == nil {
		return 0, fmt.Errorf("%s lists no connections: %q", b.program, list)
	}
	for _, f := range found {
		n, _ := strconv.ParseInt(f[1], 10, 64) // digits
		sum += n
	}
	return sum, nil
}

// change is of the living nginx, for the templates.
type change struct {
	plan
	Live, Fallen, Risen []host
}

func (p plan) change(was, live []host) change {
	return change{plan: p, Live: live, Fallen: without(was, live), Risen: without(live, was)}
}

func without(all, some []host) []host {
	return slices.DeleteFunc(slices.Clone(all), func(h host) bool { return slices.Contains(some, h) })
}

// buckets is the number of parts into which nftables divides connections.
const buckets = 64

// Dealt is the nginx of each bucket: its own if that lives, else another. So only the buckets of fallen nginx move.
func (c change) Dealt() (dealt [buckets]host) {
	for i := range dealt {
		dealt[i] = c.fronts[i%len(c.fronts)]
		if !slices.Contains(c.Live, dealt[i]) {
			dealt[i] = c.Live[i/len(c.fronts)%len(c.Live)]
		}
	}
	return dealt
}
