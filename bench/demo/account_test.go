package demo

import (
	"strings"
	"testing"

	"spike/bench/check"
	"spike/bench/crowd"
	"spike/luascripts/ledger"
)

// right is an account without a fault, of 30 requests for 6 units.
func right() *Account {
	edge := func(name string, weight int, times ...int64) EdgeAccount {
		n := int64(len(times))
		return EdgeAccount{Name: name, Weight: weight, Buys: map[string]int64{"won": n, "sold_out": int64(3*weight) - n},
			Journal: journal{Lines: int64(3 * weight), Won: n, Top: n, First: 1000, Sales: times}}
	}
	return &Account{Options: Options{Requests: 30, Units: 6, Connections: 2}, Front: "127.0.0.1:8080", Wins: 6,
		Edges: []EdgeAccount{edge("edge-1", 1, 2000), edge("edge-2", 2, 3000), edge("edge-3", 3, 4000, 5000),
			edge("edge-4", 4, 6000, 7000)},
		Total: "6", Sold: "6", SellingN: 3, SellingFor: 6,
		Load:  crowd.Result{Requests: 30, Answered: 30, Statuses: map[int]int64{200: 30}, Codes: map[int]int64{1: 6, -1: 24}},
		Audit: ledger.Audit{Sale: sale, Total: 6, Pending: 6, OK: true}}
}

// seen is a crowd whose answers had these serials.
func seen(serials ...string) *stage {
	c := &stage{want: 6}
	for _, s := range serials {
		c.wins.Note(crowd.Answer{Status: 200, Body: []byte(`{"code":1,"data":{"serial":` + s + `,"token":"t"}}`)})
	}
	return c
}

func TestJudge(t *testing.T) {
	all := []string{"1", "2", "3", "4", "5", "6"}
	for _, c := range []struct {
		name    string
		change  func(*Account)
		serials []string
		want    string // part of a FAIL; "": passed
	}{
		{"right", func(*Account) {}, all, ""},
		{"oversold", func(a *Account) { a.Wins = 7 }, all, "7 of 6 units sold"},
		{"undersold", func(a *Account) { a.Wins = 5 }, all, "5 of 6 units sold"},
		{"twice", func(*Account) {}, append(all, "6"), "1 win of a serial somebody had already: 6"},
		{"beyond", func(*Account) {}, []string{"1", "7"}, "serial 7 given, of 6"},
		{"transport", func(a *Account) { a.Load.Errors, a.Load.ErrorKinds = 2, map[string]int64{"timeout": 2} }, all,
			"2 transport errors"},
		{"status", func(a *Account) { a.Load.Statuses[502] = 1 }, all, "1 answer with status 502"},
		{"undecided", func(a *Account) { a.Load.Statuses[503] = 1 }, all, ""},
		{"log", func(a *Account) { a.Edges[1].Journal.Won-- }, all, "edge-2 sold 1 by its metrics, 0 by its log"},
		{"a win dropped", func(a *Account) { a.Edges[1].Journal.Won--; a.Edges[1].Dropped = 1 }, all, ""},
		{"two, one dropped", func(a *Account) { a.Edges[2].Journal.Won = 0; a.Edges[2].Dropped = 1 }, all, "edge-3 sold 2"},
		{"metrics", func(a *Account) { a.Edges[0].Buys["won"] = 2 }, all, "7 sold by the edges' metrics, 6 by the answers"},
		{"hash", func(a *Account) { a.Sold = "5" }, all, "ticket_hash_key: 5 of 6 sold"},
		{"audit", func(a *Account) { a.Audit.OK, a.Audit.Violations = false, []string{"serial 3 is in two places"} }, all,
			"serial 3 is in two places"},
		{"owners", func(a *Account) { a.Audit.Pending, a.Audit.Free = 5, 1 }, all, "audit: 6 = 1 free + 5 pending"},
	} {
		a := right()
		c.change(a)
		a.judge(seen(c.serials...))
		var failed []string
		for _, f := range a.Findings {
			if f.Level == check.Failed {
				failed = append(failed, f.Text)
			}
		}
		if a.Passed() != (c.want == "") || !strings.Contains(strings.Join(failed, "\n"), c.want) {
			t.Errorf("%s: want %q, failed: %q", c.name, c.want, failed)
		}
	}
}

func TestScriptsAreDivided(t *testing.T) {
	c := seen()
	c.all, c.selling = scripts{n: 50, answers: 1000}, scripts{n: 40, answers: 200}
	a := &Account{Wins: 6}
	a.count(c)
	if a.SellingN != 40 || a.SellingFor != 6 || a.SoldOutN != 10 || a.SoldOutFor != 800 {
		t.Errorf("%+v", a)
	}
	c.selling = scripts{}
	a = &Account{Wins: 5}
	if a.count(c); a.SellingN != 50 || a.SoldOutFor != 0 {
		t.Errorf("not sold out: %+v", a)
	}
}
