package lab

import (
	"reflect"
	"strings"
	"testing"
)

func three() service {
	return service{Address: "10.99.99.99", Port: 80, Reals: []Real{{"n1", "10.2.0.11"}, {"n2", "10.2.0.12"}, {"n3", "10.2.0.13"}}}
}

// When an nginx falls only its buckets move, to all living ones. A client that has a connection to another nginx keeps it.
func TestOnlyTheBucketsOfTheFallenMove(t *testing.T) {
	n := nft{three()}
	heirs := map[string]int{}
	for i := range buckets {
		before, after := n.dealt(i, n.Reals), n.dealt(i, n.Reals[1:])
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
	n := nft{three()}
	if text := n.Live(n.Reals, n.Reals[1:]).Input; !strings.Contains(text, "flush set netdev spike n1\n") ||
		strings.Count(text, "flush set") != 1 {
		t.Errorf("n1 fell:\n%s", text)
	}
	if text := n.Live(n.Reals[1:], n.Reals).Input; strings.Contains(text, "flush set") {
		t.Errorf("n1 rose, and connections are forgotten:\n%s", text)
	}
	if text := n.Live(n.Reals, nil).Input; strings.Contains(text, "add element") {
		t.Errorf("nobody lives, and yet:\n%s", text)
	}
}

func TestLVSTakesOutWhoFellAndPutsInWhoRose(t *testing.T) {
	l := lvs{three()}
	got := l.Live(l.Reals[:2], l.Reals[1:]).Input
	want := "-d -t 10.99.99.99:80 -r 10.2.0.11:80\n-a -t 10.99.99.99:80 -r 10.2.0.13:80 -g -w 1\n"
	if got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
}

func TestCountsAreRead(t *testing.T) {
	for _, c := range []struct {
		balancer Balancer
		text     string
		want     map[string]int64
	}{
		{nft{three()}, `{"nftables": [{"metainfo": {"version": "1.0.6"}},
			{"counter": {"family": "netdev", "name": "n1", "table": "spike", "handle": 3, "packets": 17, "bytes": 1020}},
			{"counter": {"family": "netdev", "name": "n2", "table": "spike", "handle": 6, "packets": 4, "bytes": 240}}]}`,
			map[string]int64{"n1": 17, "n2": 4}},
		{lvs{three()}, `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  10.99.99.99:80                     21      210        0    12600        0
  -> 10.2.0.11:80                       17      170        0    10200        0
  -> 10.2.0.12:80                        4       40        0     2400        0
`, map[string]int64{"n1": 17, "n2": 4}},
	} {
		got, err := c.balancer.Counts(c.text)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T: %v, %v", c.balancer, got, err)
		}
	}
	if _, err := (nft{three()}).Counts("Error: could not process rule"); err == nil {
		t.Error("counts read from an error")
	}
}
