package dashboard

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// loading is whatever would make a page load or run something.
var loading = regexp.MustCompile(`<script|<link|<img|<iframe|<form|src=|href=|url\(|@import|style=|\son[a-z]+=`)

// A report is one file: it loads nothing, runs nothing, and tells what the ledger, the journal and the beats tell.
func TestReport(t *testing.T) {
	w := newWatched()
	w.make(t, "ticket", 12_345)
	if _, err := w.Lease(t.Context(), "ticket", ledger.LeaseRequest{Party: ledger.Party{Instance: "e1", Node: "node-1"}, Request: 1,
		Want: 45, Term: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []ledger.Entry{{Did: "created", Sale: "ticket", Who: "ada", From: "cli"}, {Did: "closed", Sale: "other"},
		{Did: "paused", Sale: "ticket", Who: "<b>bob</b>", From: "api", What: "a & b"}} {
		if err := w.Note(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Beat(t.Context(), ledger.Beat{Kind: ledger.EdgeKind, Instance: "e1", Node: "node-1", Version: "v9", Ready: true,
		At: time.Now().UnixMicro(), Sales: []ledger.SaleBeat{sold("ticket", 777, 0)}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Beat(t.Context(), ledger.Beat{Kind: ledger.OrdersKind, Instance: "o1", Node: "worker", At: time.Now().UnixMicro(),
		Orders: &ledger.OrdersBeat{Database: "sqlite", Parked: 3}}); err != nil {
		t.Fatal(err)
	}
	url, l := serve(t, w, nil)
	l.join("ticket")
	time.Sleep(2100 * time.Millisecond) // two points, for the charts
	for lang, words := range map[string][]string{
		"": {"Report of the sale ticket", "Every unit is accounted for once", "created", "paused", `lang="en"`, "ada",
			"Units over the last minutes"},
		"zh": {"销售报告 ticket", "每件库存都恰好计入一次", "创建", "已暂停", `lang="zh"`, "购得"}} {
		r := get(t, browser(t), url+"/sales/ticket/report.html?lang="+lang)
		text, _ := io.ReadAll(r.Body)
		page := string(text)
		for _, want := range append(words, "12\u202f345 = 12\u202f300 + 45 + 0 + 0 + 0", "node-1", "v9", "777", "worker", "sqlite",
			"&lt;b&gt;bob", "a &amp; b") {
			if !strings.Contains(page, want) {
				t.Errorf("%q: %q is not in it", lang, want)
			}
		}
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Security-Policy") != reportPolicy ||
			strings.Contains(page, "closed<") {
			t.Errorf("%s %v", r.Status, r.Header)
		}
		if loads := loading.FindString(page); loads != "" {
			t.Errorf("it has %q", loads)
		}
	}
}

// Each word is there in both languages, and each outcome has one.
func TestWords(t *testing.T) {
	for key, in := range wordTable {
		if in[0] == "" || in[1] == "" {
			t.Errorf("%s: %q", key, in)
		}
	}
	for _, key := range append(append([]string{}, outcomes[:]...), placeKeys[:]...) {
		if key != "" && wordTable[key][0] == "" {
			t.Errorf("%s has no word", key)
		}
	}
	for _, use := range regexp.MustCompile(`\$w\.([a-z_]+)`).FindAllStringSubmatch(reportText, -1) {
		if wordTable[use[1]][0] == "" {
			t.Errorf("the report says %s, which has no word", use[1])
		}
	}
	for state := range states {
		if wordTable[states[state]][0] == "" {
			t.Errorf("%s has no word", states[state])
		}
	}
}

func TestGroup(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1\u202f000", 4294967294: "4\u202f294\u202f967\u202f294"} {
		if got := group(n); got != want || group(&n) != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
