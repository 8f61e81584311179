package order

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spike/luascripts/ledger"
)

var update = flag.Bool("update", false, "rewrite testdata")

var inputs = map[string]Input{"settle": Settle, "confirm": Confirm, "cancel": Cancel, "prolong": Prolong, "release": Release,
	"look": Look, "sweep": Sweep}

// A scenario is lines `TIME INPUT`; the output is indented below. `TIME reserve SERIAL+COUNT until TIME [no hold]` begins a
// reservation.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(text) && !*update {
				t.Errorf("%s tells another story now (-update rewrites it):\n%s", file, got)
			}
		})
	}
}

func play(t *testing.T, scenario string) string {
	t.Helper()
	var out strings.Builder
	var life *Life
	for line := range strings.Lines(scenario) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line)
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[1] == "reserve":
			life = reserveFrom(t, words)
			fmt.Fprintf(&out, "  %v\n", life.State())
		default:
			in, known := inputs[words[1]]
			if !known {
				t.Fatalf("no such input: %s", line)
			}
			out.WriteString(describe(in, life.Step(in, number(t, words[0])), life))
		}
	}
	return out.String()
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func reserveFrom(t *testing.T, words []string) *Life {
	t.Helper()
	first, count, _ := strings.Cut(words[2], "+")
	return Reserve(ledger.Claim{Serial: uint32(number(t, first)), Count: uint32(number(t, count)), Fence: 9, Nonce: 5,
		Expiry: number(t, words[4])}, len(words) == 5)
}

func describe(in Input, o Output, l *Life) string {
	var b strings.Builder
	switch in {
	case Settle:
		fmt.Fprintf(&b, "  %s\n", [...]string{"kept", "resolved", "too late"}[o.Verdict])
	case Sweep:
	default:
		fmt.Fprintf(&b, "  answer %v\n", o.Answer)
	}
	for _, e := range o.Events {
		fmt.Fprintf(&b, "  event %s\n", e)
	}
	if o.Restock.Len() > 0 {
		fmt.Fprintf(&b, "  restock %d+%d\n", o.Restock.Start, o.Restock.Len())
	}
	fmt.Fprintf(&b, "  is %v\n", l.State())
	return b.String()
}

// Inputs come in any order. A life has one "reserved" and one end. Its units come back exactly if that end gives them back.
func TestLifeEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := rapid.Bool().Draw(t, "held")
		life := Reserve(ledger.Claim{Serial: 3, Count: 2, Expiry: 50}, held)
		events := map[ledger.EventKind]int{}
		answers := map[Input]State{}
		restocked, now := 0, int64(0)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			now += rapid.Int64Range(0, 30).Draw(t, "later")
			in := Input(rapid.IntRange(0, int(Sweep)).Draw(t, "input"))
			life.later = rapid.Int64Range(1, 50).Draw(t, "by")
			was, wasOver := life.State(), life.over(now)
			out := life.Step(in, now)
			if life.ends > 100 || life.ends > 50 && events[ledger.Prolonged]+len(out.Events) == 0 {
				t.Fatalf("its hold ends at %d", life.ends)
			}
			refund := in == Release && was == Confirmed
			if life.State() < was || was.Ended() && life.State() != was && !refund || Merge(was, life.State()) != life.State() {
				t.Fatalf("%v became %v", was, life.State())
			}
			for _, e := range out.Events {
				events[e]++
				if e != ledger.Reserved && e != ledger.Prolonged && after[e] != life.State() {
					t.Fatalf("event %s, but it is %v", e, life.State())
				}
				if e != ledger.Reserved && events[ledger.Reserved] != 1 {
					t.Fatalf("%s before reserved", e)
				}
			}
			if (was.Ended() && !refund || wasOver && in != Sweep) && (len(out.Events) > 0 || out.Restock.Len() > 0) {
				t.Fatalf("%v, and still %+v", was, out)
			}
			if out.Restock.Len() > 0 {
				restocked++
			}
			refunded := life.State() == Refunded // what was confirmed may have become so
			if first, asked := answers[in]; asked && first.Ended() && in != Settle && in != Sweep && out.Answer != first && !refunded {
				t.Fatalf("answered %v, then %v", first, out.Answer)
			}
			answers[in] = out.Answer
			if held && life.State() == Pending && now >= life.ends && out.Answer != Expired {
				t.Fatalf("over since %d, at %d it is %v", life.ends, now, out.Answer)
			}
		}
		back := slices.Contains([]State{Cancelled, Expired, Refunded}, life.State())
		if restocked > 1 || back != (restocked == 1) {
			t.Fatalf("%v, and its units went back %d times", life.State(), restocked)
		}
		ends := max(events[ledger.Confirmed], events[ledger.Refunded]) + events[ledger.Cancelled] + events[ledger.Expired]
		if ends > 1 || events[ledger.Confirmed] > 1 || events[ledger.Refunded] > 1 || events[ledger.Reserved] > 1 {
			t.Fatalf("told twice: %v", events)
		}
	})
}

func TestMergeIsAJoin(t *testing.T) {
	for a := Claimed; a <= Refunded; a++ {
		for b := Claimed; b <= Refunded; b++ {
			if Merge(a, b) != Merge(b, a) || Merge(a, Merge(a, b)) != Merge(a, b) {
				t.Errorf("%v, %v", a, b)
			}
			if a.Ended() && !b.Ended() && Merge(b, a) != a {
				t.Errorf("%v is final, %v is not", a, b)
			}
			for c := Claimed; c <= Confirmed; c++ {
				if Merge(Merge(a, b), c) != Merge(a, Merge(b, c)) {
					t.Errorf("%v, %v, %v", a, b, c)
				}
			}
		}
	}
}
