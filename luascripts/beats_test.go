package luascripts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// Beats and the journal are alike in both stores.

// testBeats: a beat is replaced by the next one, ends when its process leaves, and is over when it does not come again. Then one
// entry says so.
func testBeats(t *testing.T, s ledger.Store) {
	edge := ledger.Beat{Kind: ledger.EdgeKind, Instance: "E1", Node: "an edge", Started: 1, Ready: true,
		Sales: []ledger.SaleBeat{{Sale: "s", Buys: map[string]uint64{"won": 3}, Stock: 2}}}
	gate := ledger.Beat{Kind: ledger.GateKind, Instance: "G1", Node: "front", Front: &ledger.FrontBeat{Requests: 9}}
	gone := ledger.Beat{Kind: ledger.EdgeKind, Instance: "E2", Node: "another"}
	beatAll(t, s, edge, gate, gone)
	edge.At = 7
	beatAll(t, s, edge)
	all := must[[]ledger.Beat](t)(s.Beats(bg))
	if len(all) != 3 || all[0].At != 7 || all[0].Sales[0].Buys["won"] != 3 || all[1].Node != "another" ||
		all[2].Front.Requests != 9 {
		t.Fatalf("%+v", all)
	}
	if err := s.Leave(bg, gate); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); len(silences(t, s)) == 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the edge that is gone is not noted")
		}
		beatAll(t, s, edge)
	}
	all = must[[]ledger.Beat](t)(s.Beats(bg))
	if len(all) != 1 || all[0].Instance != "E1" || all[0].Age > ledger.BeatLasts.Microseconds() {
		t.Errorf("%+v", all)
	}
	beatAll(t, s, edge)
	if got := silences(t, s); len(got) != 1 || got[0].Who != "another" || got[0].From != "edge" {
		t.Errorf("%+v", got)
	}
}

func beatAll(t *testing.T, s ledger.Store, all ...ledger.Beat) {
	t.Helper()
	for _, b := range all {
		if err := s.Beat(bg, b); err != nil {
			t.Fatal(err)
		}
	}
}

// silences are the entries about silent processes.
func silences(t *testing.T, s ledger.Store) []ledger.Entry {
	t.Helper()
	return slices.DeleteFunc(must[[]ledger.Entry](t)(s.Entries(bg, "", 100)), func(e ledger.Entry) bool { return e.Did != "silent" })
}

// testJournal: entries are read newest first, page by page; what is noted once is noted once; long texts are cut.
func testJournal(t *testing.T, s ledger.Store) {
	for k := range 7 {
		note(t, s, ledger.Entry{Did: "added", Sale: "j", Who: "anna", From: "cli", What: fmt.Sprint(k)})
	}
	for range 2 {
		note(t, s, ledger.Entry{Did: "trouble", Sale: "j", Who: "anna", Once: "trouble of j", OnceFor: time.Second, What: "t"})
		time.Sleep(1100 * time.Millisecond)
	}
	for range 3 {
		note(t, s, ledger.Entry{Did: "era", Sale: "j", Once: "era 7 of j", What: strings.Repeat("ü", 1000)})
	}
	var got []string
	last := ""
	for {
		page := must[[]ledger.Entry](t)(s.Entries(bg, last, 3))
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			if e.Sale == "j" {
				got = append(got, e.Did+e.What[:1])
			}
			if e.Once != "" || len(e.What) > 1000 || e.ID == "" || !strings.HasPrefix(e.Did, "era") && e.Sale == "j" && e.Who != "anna" {
				t.Errorf("%+v", e)
			}
		}
		last = page[len(page)-1].ID
	}
	want := []string{"era\xc3", "troublet", "troublet", "added6", "added5", "added4", "added3", "added2", "added1", "added0"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, odd := range []string{"x", "-", "1", "1-", "(1-1", "1-1 "} {
		if _, err := s.Entries(bg, odd, 3); !errors.Is(err, ledger.ErrEntry) {
			t.Errorf("%q: %v", odd, err)
		}
	}
}

func note(t *testing.T, s ledger.Store, e ledger.Entry) {
	t.Helper()
	if err := s.Note(bg, e); err != nil {
		t.Fatal(err)
	}
}
