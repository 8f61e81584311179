package lab

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"spike/bench/rig"
)

// Real is an nginx as a director knows it.
type Real struct{ Name, Addr string }

// Balancer spreads connections over the living nginx. It works in the kernel, and a program sets it.
type Balancer interface {
	// Begin makes it, with no living nginx.
	Begin() Command
	// Live changes the living nginx.
	Live(was, live []Real) Command
	// Count lists the connections passed to each nginx. Counts reads its output, by name.
	Count() Command
	Counts(text string) (map[string]int64, error)
}

// Command is a program and its input.
type Command struct {
	Program string
	Args    []string
	Input   string
}

// service is the address and the nginx that a director balances.
type service struct {
	Address string
	Port    int
	Reals   []Real
	Check   Check
}

func (p plan) service() service {
	return service{Address: p.Address.String(), Port: buyersPort, Reals: p.reals(), Check: p.Check}
}

// The balancers, by name.
const (
	NFT = "nftables"
	LVS = "lvs"
)

func newBalancer(kind string, s service) (Balancer, error) {
	switch kind {
	case NFT:
		return nft{s}, nil
	case LVS:
		return lvs{s}, nil
	}
	return nil, fmt.Errorf("%w: no balancer %q", ErrTopology, kind)
}

// balancerHere is LVS if the kernel has it, else nftables.
func balancerHere(ctx context.Context, probe rig.Place) string {
	if _, err := probe.Run(ctx, "", "ipvsadm", "-Ln"); err == nil {
		return LVS
	}
	return NFT
}

//go:embed keepalived.conf.tmpl
var keepalivedText string

var keepalivedConf = template.Must(template.New("keepalived").Option("missingkey=error").Parse(keepalivedText))

// keepalived is the configuration of a director that runs keepalived instead of ours. It has the same checks and the same
// balancing, and its address comes and goes with the nginx behind it.
func (s service) keepalived() (string, error) {
	var b strings.Builder
	if err := keepalivedConf.Execute(&b, s); err != nil {
		return "", fmt.Errorf("keepalived.conf: %w", err)
	}
	return b.String(), nil
}

// Every is the pause between two checks, in seconds.
func (c Check) Every() string { return fmt.Sprintf("%.2f", ms(c.EveryMS).Seconds()) }

// Retries is how many bad answers after the first keepalived needs, before it believes them.
func (c Check) Retries() int { return c.Fall - 1 }
