package luascripts

import (
	"fmt"
	"strings"
)

// spoken is how many instances are looked at in one call, to see who has not said what it holds in a new era.
const spoken = 128

// lua is bounds as the scripts' first lines, times in microseconds.
func lua(b Bounds) string {
	var s strings.Builder
	for _, v := range []struct {
		name string
		n    int64
	}{
		{"STEP", b.Step.Microseconds()}, {"MARGIN", b.Margin.Microseconds()}, {"COVER", b.Cover.Microseconds()},
		{"ACTIVE", b.Active.Microseconds()}, {"WISH", b.Wish.Microseconds()}, {"FORGET", b.Forget.Microseconds()},
		{"KEEP", b.Keep.Microseconds()}, {"LEASE", b.Lease.Microseconds()}, {"PROOF", b.Proof.Microseconds()},
		{"LOST_EVENTS", LostEvents}, {"LOST_FENCES", LostFences}, {"ERA_FENCES", EraFences}, {"PAST", PastEras},
		{"ANSWERS_MOST", int64(b.Most)},
		{"REFUSED", int64(b.Refused)}, {"GROUP", int64(b.Group)}, {"SWEEP", int64(b.Sweep)}, {"RANGES", int64(b.Ranges)},
		{"INDEX", int64(b.Index)}, {"FREES", int64(b.Frees)}, {"HELD", int64(b.Held)}, {"FEW", Few}, {"ENTER", int64(b.Enter)},
		{"MOST", MaxSerial},
		{"UNITS", MaxUnits},
		{"LARGEST", MaxLease}, {"SPOKEN", spoken},
	} {
		fmt.Fprintf(&s, "local %s = %d\n", v.name, v.n)
	}
	return s.String()
}
