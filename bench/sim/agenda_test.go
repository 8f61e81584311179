package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Happenings come in the order of time, and at one time in the order of planning.
func TestAgendaIsInOrder(t *testing.T) {
	w := &world{}
	r := rand.New(rand.NewPCG(1, 1))
	last, lastAt, came := -1, int64(-1), 0
	for order := range 1000 {
		at := r.Int64N(50)
		w.after(time.Duration(at), func() {
			if came++; w.now != at || at < lastAt || at == lastAt && order < last {
				t.Fatalf("%d of %d after %d of %d, at %d", order, at, last, lastAt, w.now)
			}
			last, lastAt = order, at
		})
	}
	w.until(49, nil)
	if came != 1000 || len(w.agenda) > 0 {
		t.Errorf("%d came out, and %d are left", came, len(w.agenda))
	}
}
