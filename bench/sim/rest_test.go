package sim

import (
	"strings"
	"testing"
	"time"

	"spike/luascripts/ledger"
)

// S2: a buyer with a token cancels after all was sold, so not all is sold any more. What edges say is checked only after all
// has been sold for a while.
func TestS2SoldIsLookedAtWhenItLasts(t *testing.T) {
	w := bare(fsynced)
	sold, looked := true, int64(0)
	for _, at := range []time.Duration{time.Second, 3 * time.Second} {
		w.after(at, func() { sold = false })
		w.after(at+500*time.Millisecond, func() { sold = true })
	}
	w.mustLast("all is sold", 2*time.Second, func(ledger.Head) bool { return sold })
	if looked = w.now - start; looked < int64(5*time.Second) {
		t.Errorf("looked after %v", time.Duration(looked))
	}
}

// S3: a Keeper that asks without end, for each unit of which there is news, is noticed.
func TestS3CallsAreBounded(t *testing.T) {
	w := bare(fsynced)
	w.hosts = make([]*host, 10)
	w.now += int64(10 * time.Second)
	w.Sold = 100
	wrong := func(lease, renew, giveBack int) (what string) {
		w.ran[leasing], w.ran[renewing], w.ran[givingBack] = lease, renew, giveBack
		defer func() {
			if r := recover(); r != nil {
				what = string(r.(violation))
			}
		}()
		w.bounded()
		return ""
	}
	if what := wrong(900, 1000, 50); what != "" {
		t.Error(what)
	}
	if what := wrong(0, 1300, 0); !strings.Contains(what, "looks") {
		t.Errorf("%q", what)
	}
	if what := wrong(900, 0, 200); !strings.Contains(what, "give-backs") {
		t.Errorf("%q", what)
	}
}
