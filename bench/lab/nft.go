package lab

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// nft balances as LVS with direct routing does. A packet for the buyers' address is sent on to an nginx unchanged, before the
// kernel routes it. The seed is the same on every director, so a connection meets the same nginx through any of them. A
// connection keeps its nginx when the buckets change.
type nft struct{ service }

// buckets is the number of parts into which connections are divided.
const buckets = 64

//go:embed nft.conf.tmpl
var nftText string

var nftConf = template.Must(template.New("nft").Option("missingkey=error").Parse(nftText))

// Buckets is for the template.
func (nft) Buckets() int { return buckets }

// load is a change that nft makes whole or not at all.
func load(text string) Command { return Command{"nft", []string{"-f", "-"}, text} }

// Begin makes the tables.
func (n nft) Begin() Command {
	var b strings.Builder
	if err := nftConf.Execute(&b, n); err != nil {
		panic("nft.conf: " + err.Error()) // the template and its data are constant and tested
	}
	return load(b.String())
}

// Live assigns the buckets anew. The connections of a fallen nginx are forgotten. Their next packet goes to another nginx, which
// refuses it, and the buyer hears that at once.
func (n nft) Live(was, live []Real) Command {
	var b strings.Builder
	b.WriteString("flush map netdev spike buckets\n")
	if len(live) > 0 {
		var deal []string
		for i := range buckets {
			deal = append(deal, fmt.Sprintf("%d : goto %s", i, n.dealt(i, live).Name))
		}
		fmt.Fprintf(&b, "add element netdev spike buckets { %s }\n", strings.Join(deal, ", "))
	}
	for _, r := range was {
		if !slices.Contains(live, r) {
			fmt.Fprintf(&b, "flush set netdev spike %s\n", r.Name)
		}
	}
	return load(b.String())
}

// dealt is the nginx of a bucket: its own if that lives, else another. So only the buckets of fallen nginx move.
func (n nft) dealt(bucket int, live []Real) Real {
	if own := n.Reals[bucket%len(n.Reals)]; slices.Contains(live, own) {
		return own
	}
	return live[bucket/len(n.Reals)%len(live)]
}

// Count lists the counters.
func (nft) Count() Command { return Command{"nft", []string{"-j", "list", "counters"}, ""} }

// Counts reads them.
func (nft) Counts(text string) (map[string]int64, error) {
	var list struct {
		Nftables []struct {
			Counter *struct {
				Name    string `json:"name"`
				Packets int64  `json:"packets"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("nft counters: %w", err)
	}
	counts := map[string]int64{}
	for _, item := range list.Nftables {
		if item.Counter != nil {
			counts[item.Counter.Name] = item.Counter.Packets
		}
	}
	return counts, nil
}
