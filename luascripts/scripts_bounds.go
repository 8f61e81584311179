package luascripts

import (
	"fmt"
	"strings"

	"spike/luascripts/ledger"
)

// spoken is how many instances one call looks at, to find one that has not re-asserted in a new era.
const spoken = 128

// lua is the bounds as the scripts' first lines. Times are in microseconds.
func lua(b ledger.Bounds) string {
	var s strings.Builder
	for _, v := range []struct {
		name string
		n    int64
	}{
		{"STEP", b.Step.Microseconds()}, {"MARGIN", b.Margin.Microseconds()}, {"COVER", b.Cover.Microseconds()},
		{"ACTIVE", b.Active.Microseconds()}, {"WISH", b.Recall.Microseconds()}, {"FORGET", b.Forget.Microseconds()},
		{"KEEP", b.Keep.Microseconds()}, {"LEASE", b.Lease.Microseconds()}, {"PROOF", b.Proof.Microseconds()},
		{"LOST_EVENTS", ledger.LostEvents}, {"LOST_FENCES", ledger.LostFences}, {"ERA_FENCES", ledger.EraFences},
		{"PAST", ledger.PastEras}, {"ANSWERS_MOST", int64(b.Most)}, {"REFUSED", int64(b.Refused)}, {"GROUP", int64(b.Group)},
		{"SWEEP", int64(b.Sweep)}, {"RANGES", int64(b.Ranges)}, {"INDEX", int64(b.Index)}, {"FREES", int64(b.Frees)},
		{"HELD", int64(b.Held)}, {"FEW", ledger.Few}, {"ENTER", int64(b.Enter)}, {"MOST", ledger.MaxSerial},
		{"UNITS", ledger.MaxUnits}, {"LARGEST", ledger.MaxLease}, {"SPOKEN", spoken},
		{"HOLDERS", int64(b.Holders)},
	} {
		fmt.Fprintf(&s, "local %s = %d\n", v.name, v.n)
	}
	return s.String()
}
