package lab

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed *.tmpl
var files embed.FS

var templates = template.Must(template.ParseFS(files, "*.tmpl"))

// conf is what a template makes of its data.
func conf(name string, data any) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name+".tmpl", data); err != nil {
		panic(err) // the templates are constant, and tests run each
	}
	return b.String()
}

// Print is the configuration of a director or router, for a machine of its own. A director may run keepalived instead of ours. It
// has the same checks and the same balancing, and its address comes and goes with the nginx behind it.
func Print(t Topology, what string) (string, error) {
	p := newPlan(t)
	switch what {
	case "keepalived":
		return conf("keepalived.conf", p), nil
	case NFT, LVS:
		return conf(what+".begin", p) + conf(what+".change", p.change(nil, p.fronts)), nil
	case "topology":
		return t.String(), nil
	case "ospf":
		return conf("frr", p.speaks(p.router)) + conf("frr", p.speaks(p.directors[0])), nil
	}
	return "", fmt.Errorf("%w: --print %q", ErrUsage, what)
}

// speaker is a machine that speaks OSPF.
type speaker struct {
	Topology
	host
	ID        string
	Links     []string // its interfaces towards other speakers
	Announces bool     // it announces the address on lo
}

func (p plan) speaks(h host) speaker {
	s := speaker{Topology: p.Topology, host: h, ID: h.up, Links: []string{"up"}, Announces: true}
	if h == p.router {
		s.ID, s.Links, s.Announces = routerID, nil, false
		for _, d := range p.directors {
			s.Links = append(s.Links, d.Name)
		}
	}
	return s
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

// Every is the pause between two checks, in seconds.
func (c Check) Every() string { return fmt.Sprintf("%.2f", ms(c.EveryMS).Seconds()) }

// Retries is how many bad answers after the first keepalived needs, before it believes them.
func (c Check) Retries() int { return c.Fall - 1 }
