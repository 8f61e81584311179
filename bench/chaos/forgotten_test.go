package chaos

import (
	"strings"
	"testing"
	"time"
)

// lost begins 2 s after the start and ends 5 s after it.
var lost = Loss{2 * time.Second, 5 * time.Second}

// Histories that a lossy store may have must pass, if the loss is known.
func TestLostHistoriesThatAreRight(t *testing.T) {
	for name, h := range map[string]past{
		"a payment came to nothing":      one().op(Confirm, Confirmed, "a", 3, 4).op(Buy, Won, "b", 12, 13),
		"and was made again":             one().op(Confirm, Confirmed, "a", 3, 4).op(Confirm, Confirmed, "a", 6, 7),
		"a cancel came to nothing":       one().op(Cancel, Cancelled, "a", 3, 4).op(Confirm, Confirmed, "a", 6, 7),
		"a winner was forgotten":         past{}.op(Buy, Won, "a", 3, 4).op(Confirm, Expired, "a", 6, 7).op(Buy, Won, "b", 14, 15),
		"a winner's payment was, too":    past{}.op(Buy, Won, "a", 3, 4).op(Confirm, Confirmed, "a", 4, 5).op(Look, Expired, "a", 6, 7),
		"nothing of it was lost":         one().op(Confirm, Confirmed, "a", 3, 4).op(Look, Confirmed, "a", 6, 7),
		"looked at while it was unknown": one().op(Confirm, Unknown, "a", 1, Forever).op(Look, Pending, "a", 3, 4),
	} {
		if broken := Judge(Forget(h.s(), lost), 1); broken != nil {
			t.Errorf("%s: %v", name, broken)
		}
	}
}

// Faults that even a lossy store must not have are found.
func TestPlantedFaultsAreFoundInLostHistories(t *testing.T) {
	for name, c := range map[string]struct {
		past
		named string
	}{
		"sold before a lost winner's hold is over": {past{}.op(Buy, Won, "a", 3, 4).op(Buy, Won, "b", 7, 8), "has two owners"},
		"or though it was paid for": {past{}.op(Buy, Won, "a", 3, 4).op(Confirm, Confirmed, "a", 4, 5).op(Buy, Won, "b", 7, 8),
			"has two owners"},
		"an older winner is turned away": {one().op(Confirm, Expired, "a", 6, 7), "its winner was turned away"},
		"a newer one is": {past{}.op(Buy, Won, "a", 5, 6).op(Confirm, Expired, "a", 7, 8),
			"its winner was turned away"},
		"an older payment is forgotten": {past{}.op(Buy, Won, "a", 0, 1).op(Confirm, Confirmed, "a", 1, 2).op(Buy, Won, "b", 12, 13),
			"has two owners"},
	} {
		broken := strings.Join(Judge(Forget(c.s(), lost), 1), "\n")
		if !strings.Contains(broken, c.named) {
			t.Errorf("%s: found %q", name, broken)
		}
	}
}
