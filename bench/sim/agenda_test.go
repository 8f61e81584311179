package sim

import (
	"math/rand/v2"
	"testing"
)

// Happenings come in the order of time, and at one time in the order of planning.
func TestAgendaIsInOrder(t *testing.T) {
	var a agenda
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		a.add(r.Int64N(50), nil)
	}
	last := happening{at: -1}
	for range 1000 {
		next := a.next()
		if next.at < last.at || next.at == last.at && next.order < last.order {
			t.Fatalf("%d of %d after %d of %d", next.order, next.at, last.order, last.at)
		}
		last = next
	}
	if len(a.heap) > 0 {
		t.Error("more came out than went in")
	}
}
