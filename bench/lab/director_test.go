package lab

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestHealthFallsAndRisesSlowly(t *testing.T) {
	c := Check{Fall: 2, Rise: 3}
	var h health
	for i, step := range []struct{ good, lives bool }{
		{true, false}, {true, false}, {true, true}, // rises at the third good answer in a row
		{false, true}, {true, true}, {false, true}, {false, false}, // falls at the second bad one
		{true, false}, {false, false}, {true, false}, {true, false}, {true, true},
	} {
		if got := h.note(step.good, c); got != step.lives {
			t.Fatalf("after answer %d: lives %v", i+1, got)
		}
	}
}

// told is a director whose commands go nowhere.
func told(t *testing.T, commands *[]string, refuse string) *director {
	t.Helper()
	p := newPlan(standardTopology())
	run := func(_ context.Context, _, program string, args ...string) (string, error) {
		line := program + " " + strings.Join(args, " ")
		*commands = append(*commands, line)
		if refuse != "" && strings.Contains(line, refuse) {
			return "", errors.New("refused")
		}
		return "", nil
	}
	return &director{plan: p, kind: NFT, run: run, said: &bytes.Buffer{}}
}

// The address is announced only after the balancer has an nginx, and is gone before the balancer has none.
func TestAddressComesAfterTheBalancerAndGoesBefore(t *testing.T) {
	var did []string
	d := told(t, &did, "")
	fronts := d.plan.fronts
	for _, live := range [][]host{nil, fronts[:1], fronts, fronts, nil} {
		if err := d.turn(t.Context(), live); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"nft -f -", "ip address add 10.99.99.99/32 dev lo", // n1 lives
		"nft -f -", // n2 too
		"ip address flush dev lo to 10.99.99.99/32", "nft -f -", // nobody
	}
	if !reflect.DeepEqual(did, want) {
		t.Fatalf("did\n%s", strings.Join(did, "\n"))
	}
	if said := d.said.(*bytes.Buffer).String(); said != "live: n1\nlive: n1 n2\nlive: \n" {
		t.Errorf("said %q", said)
	}
}

// A command that the kernel refused counts as not done, and is sent again.
func TestRefusedTurnIsTriedAgain(t *testing.T) {
	var did []string
	d := told(t, &did, "address add")
	for range 2 {
		if err := d.turn(t.Context(), d.plan.fronts); err == nil {
			t.Fatal("a refusal went unnoticed")
		}
	}
	if strings.Join(did[:2], "\n") != strings.Join(did[2:], "\n") {
		t.Fatalf("did\n%s", strings.Join(did, "\n"))
	}
}

func three() plan {
	t := standardTopology()
	t.Fronts = 3
	return newPlan(t)
}

// When an nginx falls only its buckets move, to all living ones. A client that has a connection to another nginx keeps it.
func TestOnlyTheBucketsOfTheFallenMove(t *testing.T) {
	p := three()
	heirs := map[string]int{}
	all, two := p.change(nil, p.fronts).Dealt(), p.change(p.fronts, p.fronts[1:]).Dealt()
	for i := range buckets {
		before, after := all[i], two[i]
		switch {
		case after.Name == "n1":
			t.Fatalf("bucket %d is still dealt to who fell", i)
		case before.Name != "n1" && before != after:
			t.Fatalf("bucket %d moved from %s to %s", i, before.Name, after.Name)
		case before.Name == "n1":
			heirs[after.Name]++
		}
	}
	if heirs["n2"] == 0 || heirs["n3"] == 0 {
		t.Fatalf("all went to one: %v", heirs)
	}
}

func TestConnectionsOfTheFallenAloneAreForgotten(t *testing.T) {
	p := three()
	change := func(was, live []host) string { return conf("nftables.change", p.change(was, live)) }
	if text := change(p.fronts, p.fronts[1:]); !strings.Contains(text, "flush set netdev spike n1\n") ||
		strings.Count(text, "flush set") != 1 {
		t.Errorf("n1 fell:\n%s", text)
	}
	if text := change(p.fronts[1:], p.fronts); strings.Contains(text, "flush set") {
		t.Errorf("n1 rose, and connections are forgotten:\n%s", text)
	}
	if text := change(p.fronts, nil); strings.Contains(text, "add element") {
		t.Errorf("nobody lives, and yet:\n%s", text)
	}
}

func TestLVSTakesOutWhoFellAndPutsInWhoRose(t *testing.T) {
	p := three()
	got := conf("lvs.change", p.change(p.fronts[:2], p.fronts[1:]))
	want := "-d -t 10.99.99.99:80 -r 10.2.0.11:80\n-a -t 10.99.99.99:80 -r 10.2.0.13:80 -g -w 1\n"
	if got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
}

func TestCountsAreRead(t *testing.T) {
	for _, c := range []struct {
		balancer string
		text     string
		want     int64
	}{
		{NFT, `{"nftables": [{"metainfo": {"version": "1.0.6"}},
			{"counter": {"family": "netdev", "name": "n1", "table": "spike", "handle": 3, "packets": 17, "bytes": 1020}},
			{"counter": {"family": "netdev", "name": "n2", "table": "spike", "handle": 6, "packets": 4, "bytes": 240}}]}`,
			21},
		{LVS, `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.99.99.99:80                     21      210        0    12600        0
  -> 10.2.0.11:80                       17      170        0    10200        0
  -> 10.2.0.12:80                        4       40        0     2400        0
`, 21},
	} {
		got, err := balancers[c.balancer].sum(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.balancer, got, err)
		}
	}
	if _, err := balancers[NFT].sum("Error: could not process rule"); err == nil {
		t.Error("counts read from an error")
	}
}
