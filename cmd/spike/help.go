package main

import (
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// HelpCmd shows the help of a command.
type HelpCmd struct {
	Command []string `arg:"" optional:"" help:"The command, such as sale create. Default: all commands."`
}

// Run shows it, and ends the program.
func (c *HelpCmd) Run(of *kong.Context) error {
	_, err := of.Parse(append(c.Command, "--help"))
	return misuse(err)
}

// moreHelp gives each command the text of its help beyond the flags: its JSON, and its examples.
func moreHelp(k *kong.Kong) error {
	for _, command := range leaves(k.Model.Node) {
		path := command.Path()
		parts := []string{command.Detail}
		if v, found := printed[path]; found {
			parts = append(parts, "JSON: "+fields(reflect.TypeOf(v)))
		}
		if shown := examples[path]; shown != "" {
			parts = append(parts, exampleTitle(command, shown), shown)
		}
		command.Detail = strings.TrimSpace(strings.Join(parts, "\n\n"))
	}
	return nil
}

// exampleTitle says where the Redis is named, if the examples leave it out.
func exampleTitle(command *kong.Node, shown string) string {
	first, _, _ := strings.Cut(shown, "\n    #") // the others differ from it
	for _, flag := range command.Flags {
		if flag.Name == "redis" && !strings.Contains(first, "--redis") {
			return "Examples, with the Redis named by SPIKE_REDIS:"
		}
	}
	return "Examples:"
}

// leaves are the commands below a node that do something, but for those that people do not call.
func leaves(n *kong.Node) (all []*kong.Node) {
	for _, child := range n.Children {
		switch {
		case child.Hidden:
		case len(child.Children) == 0:
			all = append(all, child)
		default:
			all = append(all, leaves(child)...)
		}
	}
	return all
}

// longHelp has the help of flags and commands that does not fit beside them. `help:"${drain}"` means its entry drain.
var longHelp = kong.Vars{
	"redis": "HOST:PORT[,HOST:PORT...] (several: Cluster), redis+sentinel://H:P[,H:P...]/MASTER, unix://PATH, " +
		"redis[s]://USER:PASS@H:P/DB.",
	"redis_password": "A file with the password for --redis, in place of one in its address.",
	"replicas": "How many replicas of this Redis can be promoted. Needed where other replicas, which only read, follow it too. " +
		"Default: the number of replicas that announce a port.",
	"admin_token": "Bearer token for operators. /healthz and /readyz need none. Required if the listener is not on loopback. " +
		"SPIKE_ADMIN_TOKEN or a file is safer.",

	"viewer_token": "Bearer token for those who may look at everything and change nothing. SPIKE_VIEWER_TOKEN or a file is safer.",
	"payment_token": "Bearer token for a payment service. It may confirm, release, prolong and look up reservations, and nothing " +
		"else. SPIKE_PAYMENT_TOKEN or a file is safer.",

	"admin":     "Where operators connect (127.0.0.1:3006). Empty: nowhere.",
	"ack":       "When a buyer hears \"won\": once this edge's ring has the claim (edge), or once the ledger has it (redis).",
	"decisions": "Log every decision as the article does (result:1,localSales:17). -: standard output.",
	"trusted":   "Networks whose X-Buyer-Id is believed (127.0.0.0/8,::1/128).",
	"drain": "How long an edge goes on answering after the signal to end. It must be longer than a balancer keeps out the edge " +
		"that was restarted before. From 0s to 5m.",
	"token_key": "Keys that sign tokens, one a line, or the keys themselves (only in SPIKE_TOKEN_KEY: other users see arguments). " +
		"The first key signs, every key is accepted. Default: a key in the store.",
	"edges_token_key": "The edges' --token-key, if they have one: it tells which tokens are good.",
	"cors_origins": "Sites whose pages may buy (https://shop.example). Behind nginx, its topology has this setting instead. " +
		"Default: none.",
	"retry_after": "After how many seconds a buyer may come again who heard that there is nothing now: 1s, or a range as 1s..10s, " +
		"from 1s to 60s. With a range, those who heard the same do not come back together. nginx' topology has it, too.",
	"jwt_key": "Verify bearer tokens with this: public key (PEM), JWK set (JSON) or secret. Their sub is the buyer.",

	"db": "postgres://USER:PASS@HOST/DB or sqlite:FILE. Its table orders has a row for each serial of a reservation.",
	"rebind": "Keep this Redis' orders in this database from now on, though another database has had them. Orders that the other " +
		"database has stored do not come again.",

	"orders":        "Where operators connect (127.0.0.1:3007). Empty: nowhere.",
	"dashboard":     "Where browsers and operators connect (127.0.0.1:3008). Off loopback it needs a token.",
	"top_url":       "Look through an operators' side, as http://127.0.0.1:3006, in place of --redis.",
	"top_token":     "A token of that side. SPIKE_VIEWER_TOKEN or SPIKE_ADMIN_TOKEN is safer.",
	"gate_topology": "The topology of nginx (YAML), as for spike nginx. Its gate_dir is the directory of the flags.",
	"gate_admin":    "Where operators connect: /healthz, /readyz, /metrics (127.0.0.1:3008). Default: nowhere.",
	"topology":      "The topology of nginx: listen, edges and their weights, balance, limits, TLS, gate (YAML).",

	"check_admin": "Ask first whether the edge, order worker, gate or dashboard whose operators connect here is ready. With " +
		"--requests 0 that is all. Default: it is not asked.",
	"check_buyers": "Name a new buyer in each buy, by X-Buyer-Id: for a sale with a limit per buyer. The edge must trust that " +
		"header from here.",

	"nginx_out": "Write to this file in place of standard output, whole or not at all.",

	"reopen": "After a fail-over: stop waiting for replicas that are gone, and with --grants for promises that were lost.",
	"grants": "Grant units at once. If a buyer won in the lost history and still has a token, its unit may be sold again.",
	"shuffle": "Draw lots for the first units among the buyers who come within this time after the sale opens, or from now on " +
		"if --opens is not given. From 100ms to 1h. Buyers must say who they are.",
	"seed": "The draw's seed, for a ceremony or a test: 32 to 128 hex digits. Default: random, and secret until the draw.",

	"bench_all":        "Measure the counters, then the edge beside its peers (default).",
	"bench_edge":       "Measure the edge beside a bare server, a script per request, and the article's design.",
	"bench_strategies": "Measure three sequences of order, payment and deduction, on a real PostgreSQL.",
	"bench_balance":    "Measure how nginx shares a crowd among four edges, and what each way costs.",
	"bench_bill":       "Measure the CPU time of a spike in the article's design, ours, ours with a gate.",
	"bench_real":       "Measure sales with a limit, a hold and keys beside an anonymous sale.",
	"bench_durable":    "Measure sales whose buyers hear of them when they are durable.",
	"bench_gate":       "Measure \"sold out\" by a flag at nginx beside return 200 of the same body.",

	"bench_real_sales": "Only these kinds of sale: anonymous, buyer, buyer+key, limit, limit+key. " +
		"Default: anonymous, limit+key.",
	"durable_only": "Measure only these: appendfsync always; 1 replica; 2 replicas; PostgreSQL, grouped.",
	"balance_only": "Compare only these ways: round robin; weighted; ip-hash; ip-hash, one network; buyer-hash.",
	"sim":          "Run real Keepers and the scripts' twin under faults that a seed decides. No unit may be lost or sold twice.",
}
