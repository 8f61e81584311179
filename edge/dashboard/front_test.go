package dashboard

import (
	"testing"

	"spike/luascripts/ledger"
)

// gateAt is a gate's beat, so many seconds after began.
func gateAt(seconds float64, flags, requests uint64) ledger.Beat {
	b := beatAt("g", seconds)
	b.Kind, b.Front = ledger.GateKind, &ledger.FrontBeat{Listening: true, Flags: flags, Seen: true, Requests: requests}
	return b
}

// frontBoard is a board with sales of which each has so many free units. In a second an edge answers 10 buys of each, and nginx
// takes 1,000 requests.
func frontBoard(flags uint64, free ...uint64) *board {
	b := newBoard(began)
	var before, is []ledger.SaleBeat
	for i, n := range free {
		name := string(rune('a' + i))
		b.sale(name)
		b.answered(answer{question: question{sale: name}, now: "1", asked: began,
			shown: ledger.ShowReply{Head: ledger.Head{State: ledger.Open, Total: 9, Free: n, Pending: 9 - n}}})
		before, is = append(before, sold(name, 0, 0)), append(is, sold(name, 0, 10))
	}
	b.took([]ledger.Beat{beatAt("1", 0, before...), gateAt(0, flags, 500)}, after(0))
	b.took([]ledger.Beat{beatAt("1", 1, is...), gateAt(1, flags, 1500)}, after(1))
	return b
}

// What nginx answers alone is told of the only sale that is empty. Of two that are empty nobody knows.
func TestAnsweredByNginx(t *testing.T) {
	const unknown = -1
	for name, c := range map[string]struct {
		flags uint64
		free  []uint64
		want  []float64
	}{
		"one is empty":           {1, []uint64{0, 4}, []float64{990, 10}},
		"two are empty":          {2, []uint64{0, 0, 4}, []float64{unknown, unknown, 10}},
		"one is empty, no flag":  {0, []uint64{0, 4}, []float64{10, 10}},
		"none is empty any more": {1, []uint64{3, 4}, []float64{10, 10}},
	} {
		l := frontBoard(c.flags, c.free...).look(plain, after(1))
		for i, want := range c.want {
			got := float64(unknown)
			if n := l.Sales[i].Answered; n != nil {
				got = *n
			}
			if got != want {
				t.Errorf("%s: sale %d: %v, want %v", name, i, got, want)
			}
		}
		for _, p := range l.Processes {
			if p.Front != nil && (p.Front.Share == nil || *p.Front.Share != 1-float64(10*len(c.free))/1000) {
				t.Errorf("%s: share %v", name, p.Front.Share)
			}
		}
	}
}
