package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
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
	return &trial{name: "edge", units: 100, death: &death{layer: "edges", what: "e4 is killed (-9)"}, since: 50,
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
	calm.name, calm.death = "calm", nil
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

func TestHopsOfARoute(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`: nil,
		`[{"dst":"10.99.99.99","gateway":"10.1.2.2","dev":"d2","protocol":"ospf","metric":20,"flags":[]}]`: {"d2"},
		`[{"dst":"10.99.99.99","protocol":"ospf","flags":[],"nexthops":[
			{"gateway":"10.1.2.2","dev":"d2","weight":1,"flags":[]},
			{"gateway":"10.1.1.2","dev":"d1","weight":1,"flags":[]}]}]`: {"d1", "d2"},
		`[{"dst":"10.99.99.99","flags":[],"nexthops":[
			{"dev":"d1","weight":1,"flags":["dead","linkdown"]},{"dev":"d2","weight":1,"flags":[]}]}]`: {"d2"},
		`Error: no such device`: nil,
	} {
		if got := hopsOf(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestPacketsOfLinks(t *testing.T) {
	got := packetsOf(`[{"ifname":"d1","stats64":{"rx":{"packets":7},"tx":{"packets":12}}},{"ifname":"lo"}]`)
	if got["d1"] != 12 || got["lo"] != 0 {
		t.Fatalf("got %v", got)
	}
}

// A log is read as it grows, and a director's question is no buy.
func TestLinesOfAGrowingLog(t *testing.T) {
	c := lineCounter{file: filepath.Join(t.TempDir(), "access.log")}
	if n := c.count(); n != 0 {
		t.Fatalf("%d lines of no file", n)
	}
	const buy = `2026 10.0.0.2 "POST /buy/calm HTTP/1.1" 200 0.001` + "\n"
	const check = `2026 10.2.0.1 "GET /.. HTTP/1.1" 400 0.000` + "\n"
	for want, text := range []string{check, buy + check + buy[:30], buy[30:]} {
		f, err := os.OpenFile(c.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		c.count()
		if want == 2 && c.n != 2 {
			t.Fatalf("%d buys", c.n)
		}
	}
}

func TestSharesSinceASample(t *testing.T) {
	at := func(n ...int64) sample {
		l := layer{name: "edges"}
		for _, k := range n {
			l.parts = append(l.parts, part{"e", k})
		}
		return sample{l}
	}
	if got := at(110, 30, 60).less(at(100, 10, 70))[0].shares(); got != "11/22/67" { // the third was restarted: 60
		t.Errorf("got %s", got)
	}
	if got := at(5, 5).less(at(5, 5))[0].shares(); got != "-/-" {
		t.Errorf("nothing carried: %s", got)
	}
	if at(1, 2).of("edges") != 3 || at(1).of("nginx") != 0 {
		t.Error("the sum of a layer is wrong")
	}
}

func TestAPanicIsAnError(t *testing.T) {
	done := false
	err := together(t.Context(), func(context.Context) error { panic("oh") },
		func(context.Context) error { done = true; return nil })
	if err == nil || !done {
		t.Fatalf("err %v, the other done %v", err, done)
	}
}
