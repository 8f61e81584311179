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
