package luascripts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

const scenarioSale = "s"

// play is a scenario under way.
type play struct {
	t      *testing.T
	stage  stage
	alone  bool        // there is no twin: a hand may spoil the hash
	silent bool        // the store did not answer, as a busy machine's may not
	now    int64       // the store's clock
	head   ledger.Head // as it was told last
	node   memory.Node
	names  map[uint64]string // of fences
	fences map[string]uint64
	claims map[string]ledger.Claim
}

func newPlay(t *testing.T, alone bool) *play {
	return &play{t: t, alone: alone, now: scenarioBegin,
		head:  ledger.Head{Raw: scenarioBegin, Now: scenarioBegin, Birth: scenarioBegin, Era: 1},
		names: map[uint64]string{}, fences: map[string]uint64{}, claims: map[string]ledger.Claim{}}
}

// answer runs a command. After every one the whole account is right.
func (p *play) answer(c *words) string {
	do, known := scenarioCommands[c.word]
	if !known {
		p.t.Fatalf("no such command: %s", c.word)
	}
	text, h, err := do(p, c)
	c.spent()
	switch {
	case err != nil:
		text = tellError(err)
		p.silent = p.silent || strings.HasPrefix(text, "error")
	case h.Birth != 0:
		text = strings.TrimPrefix(text+"\n"+p.tellHead(h), "\n")
	}
	if a, err := p.stage.Audit(bg, scenarioSale); err == nil && !a.OK && !p.alone {
		p.t.Errorf("after %s: %+v", c.word, a)
	}
	if text == "" {
		return ""
	}
	return text + "\n"
}

// serve sets the server that the store runs on.
func (p *play) serve(c *words) {
	n := memory.Node{Era: c.number("era", 1), Run: c.number("run", 1), Followed: c.number("followed", 0), Fed: memory.NeverFed}
	n.File, n.Fsynced = c.flag("file"), c.flag("synced")
	var s strings.Builder
	names, strangers := strings.Split(c.text("replicas", ""), ","), c.number("strangers", 0)
	if names[0] == "" {
		names = nil
	}
	fmt.Fprintf(&s, "connected_slaves:%d\r\n", len(names)+int(strangers))
	for k, name := range names {
		ip, late := strings.CutSuffix(name, "~")
		fmt.Fprintf(&s, "slave%d:ip=%s,port=6379,state=%s,offset=1,lag=0\r\n", k, ip,
			map[bool]string{true: "wait_bgsave", false: "online"}[late])
	}
	for k := range strangers {
		fmt.Fprintf(&s, "slave%d:ip=reader,port=0,state=online,offset=1,lag=0\r\n", len(names)+int(k))
	}
	fmt.Fprintf(&s, "master_replid:%012x\r\nmaster_replid2:%012x\r\nrun_id:%012x\r\nsync_full:%d\r\nsync_partial_ok:0\r\n",
		n.Era, n.Followed, n.Run,
		c.number("syncs", uint64(len(names))))
	switch fed := c.text("fed", "no"); fed {
	case "no", "yes":
		n.Fed = map[string]memory.Fed{"no": memory.NeverFed, "yes": memory.WasFed}[fed]
		fmt.Fprintf(&s, "total_net_repl_input_bytes:%d\r\n", map[string]int{"no": 0, "yes": 99}[fed])
	case "unsaid":
		n.Fed = memory.FedUnknown
	default:
		c.fatal(fed)
	}
	fmt.Fprintf(&s, "aof_enabled:%s\r\n", flag(n.File))
	if cap, said := c.named["cap"]; said {
		n.Capped, n.Cap = true, c.number("cap", uint64(len(cap)))
	}
	f := followersIn(s.String())
	n.Replicas, n.Names, n.Lineup, n.Strangers = uint64(len(f.names)), strings.Join(f.names, " "), f.lineup, strangers
	p.node = n
	p.stage.on(s.String(), n)
}

// party is who calls.
func (p *play) party(c *words) ledger.Party {
	name := c.next()
	return ledger.Party{Instance: name, Node: "n" + name, Birth: p.birth(c)}
}

// birth is of the sale that the caller believes in.
func (p *play) birth(c *words) uint64 {
	switch c.text("birth", "") {
	case "right":
		return p.head.Birth
	case "other":
		return p.head.Birth + 1
	}
	return 0
}

// at reads a time from the scenario's beginning on: +5s.
func (p *play) at(c *words, name, other string) int64 {
	text := c.text(name, other)
	if text == "never" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		c.fatal(name)
	}
	return scenarioBegin + d.Microseconds()
}

func (p *play) fenceOf(c *words, name string) uint64 {
	f, known := p.fences[name]
	if !known {
		c.fatal("no fence is called " + name)
	}
	return f
}

func (p *play) claimOf(c *words, name string) ledger.Claim {
	one, known := p.claims[name]
	if !known {
		c.fatal("no claim is called " + name)
	}
	return one
}
