package main

import (
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// An edge that beats has what its instances hold in all sales. Instances without a beat are one silent process.
func TestEdgesRows(t *testing.T) {
	now := time.Now()
	rows := []processRow{rowOf(ledger.Beat{Kind: ledger.EdgeKind, Instance: "A", Node: "a", Version: "7", Ready: true,
		RoundTrip: 250, Started: now.Add(-time.Minute).UnixMicro(), Age: 300_000,
		Sales: []ledger.SaleBeat{{Stock: 3, Unsettled: 1}, {Stock: 4}}}),
		rowOf(ledger.Beat{Kind: ledger.EdgeKind, Instance: "D", Node: "d", Version: "7", Why: "store: it does not answer",
			RoundTrip: 250, Started: now.Add(-time.Minute).UnixMicro(), Age: 300_000})}
	for _, sale := range []ledger.Holders{
		{Head: ledger.Head{Now: 10_000_000}, Instances: []ledger.Holder{
			{Instance: "A.1", Node: "a", Leases: []ledger.HolderLease{{Units: 5}, {Units: 6}}},
			{Instance: "B.1", Node: "b", Seen: 2_000_000, Leases: []ledger.HolderLease{{Units: 7, Limbo: true}}},
			{Instance: "C.1", Node: "holds nothing"}}},
		{Head: ledger.Head{Now: 10_000_000}, Instances: []ledger.Holder{
			{Instance: "B.2", Node: "b", Seen: 4_000_000, Leases: []ledger.HolderLease{{Units: 2}}}}},
	} {
		rows = addHolders(rows, sale)
	}
	if len(rows) != 3 || rows[0].Leased != 11 || rows[0].Silent || !rows[2].Silent || rows[2].Leased != 2 || rows[2].Limbo != 7 ||
		rows[2].Age != 6_000_000 {
		t.Errorf("%+v", rows)
	}
	var out strings.Builder
	if err := printProcesses(&out, rows, now); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{"KIND NODE VERSION UP READY STOCK LEASED LIMBO UNSETTLED ROUND TRIP LAST BEAT",
		"edge a 7 1m0s yes 7 11 0 1 250µs 300ms ago", "edge d 7 1m0s no 0 0 0 0 250µs 300ms ago",
		"edge b - - silent - 2 7 - - none; asked 6s ago",
		"edge d is not ready: store: it does not answer"} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
