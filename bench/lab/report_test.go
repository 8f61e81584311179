package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"spike/bench/check"
	"spike/bench/crowd"
	"spike/luascripts/ledger"
)

// won is wins of the serials 1 to last, and of one more.
func won(last, more int) *crowd.Wins {
	w := &crowd.Wins{}
	note := func(serial int) {
		w.Note(crowd.Answer{Status: 200, Body: fmt.Appendf(nil, `{"code":1,"data":{"serial":%d,"token":"t"}}`, serial)})
	}
	for serial := 1; serial <= last; serial++ {
		note(serial)
	}
	note(more)
	return w
}

// fine is a trial without a failure: 100 units, one of them sold to a buyer without an answer.
func fine() *trial {
	now := time.Now()
	return &trial{name: edgeTrial, units: 100, death: &death{layer: "edges", what: "e4 is killed (-9)"}, since: 50,
		heard: heard{Answered: 120, Won: 99, Undecided: 1, Unanswered: 1, LateWin: now,
			Final: now.Add(time.Millisecond)},
		wins:    won(98, 100),
		carried: sample{{"edges", "buys", []part{{"e1", 10}, {"e2", 20}}}},
		audit:   ledger.Audit{Total: 100, Pending: 100, OK: true}}
}

func TestVerdict(t *testing.T) {
	if all := fine().judge(); !check.Passed(all) {
		t.Fatalf("nothing is wrong, and yet: %v", all)
	}
	for name, spoil := range map[string]func(*trial){
		"a unit is left": func(t *trial) { t.audit.Pending, t.audit.Free = 99, 1 },
		"the audit is out of order": func(t *trial) {
			t.audit.OK, t.audit.Violations = false, []string{"serial 7 has an owner and lies elsewhere too"}
		},
		"more units than there were":   func(t *trial) { t.audit.Total, t.audit.Pending = 101, 101 },
		"more winners than units":      func(t *trial) { t.wins = won(100, 100) },
		"a serial beyond the last":     func(t *trial) { t.wins = won(98, 101) },
		"sold to nobody":               func(t *trial) { t.wins = won(96, 100) },
		"a serial twice":               func(t *trial) { t.wins = won(98, 7) },
		"an answer nobody knows":       func(t *trial) { t.wins.Note(crowd.Answer{Status: 404}) },
		"sold out, and then sold":      func(t *trial) { t.heard.LateWin = t.heard.Final.Add(time.Millisecond) },
		"nobody was answered any more": func(t *trial) { t.since = t.heard.Answered },
		"idle while nobody is dead":    func(t *trial) { t.death, t.carried[0].parts[1].n = nil, 0 },
	} {
		bad := fine()
		if spoil(bad); passed([]*trial{fine(), bad}) {
			t.Errorf("%s: passed", name)
		}
		var b strings.Builder
		if err := verdict(&b, []*trial{bad}); err != nil || !strings.Contains(b.String(), "FAIL ") {
			t.Errorf("%s: not told (%v):\n%s", name, err, b.String())
		}
	}
}

// The table has each trial's death and its result, also for a trial without a death.
func TestVerdictTellsAllTrials(t *testing.T) {
	calm, edge := fine(), fine()
	calm.name, calm.death = calmTrial, nil
	edge.moved = short(11 * time.Millisecond)
	var b strings.Builder
	if err := verdict(&b, []*trial{calm, edge}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"e1 10, e2 20  (33/67 %)", "nobody", "e4 is killed (-9)", "11 ms"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
