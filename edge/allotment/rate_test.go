package allotment

import (
	"testing"
	"time"
)

func at(d time.Duration) Instant { return Instant{Mono: int64(d), Wall: int64(d)} }

func TestRateRisesAtOnceAndFallsSlowly(t *testing.T) {
	r := rate{filled: 1_000_000}
	r.update(at(10*time.Millisecond), 1_000_000-1000)
	if r.units(time.Second) != 100_000 {
		t.Fatal("after 1000 units in 10 ms:", r.value)
	}
	r.update(at(10*time.Millisecond+ahead), 1_000_000-1000) // no sale for the time that a lease looks ahead
	if v := r.value; v < 49_000 || v > 51_000 {
		t.Fatal("not halved:", v)
	}
	for i := range 20 {
		r.update(at(10*time.Millisecond+ahead*time.Duration(i+2)), 1_000_000-1000)
	}
	if r.units(time.Second) > 1 {
		t.Fatal("did not fade:", r.value)
	}
}

func TestRateNeedsAWindow(t *testing.T) {
	r := rate{filled: 100}
	r.update(at(rateWindow-1), 0)
	if r.value != 0 {
		t.Fatal("a rate from", rateWindow-1)
	}
	r.update(at(rateWindow), 0)
	if r.value != 50_000 {
		t.Fatal(r.value)
	}
}

// Time without units to sell does not count as slow sales.
func TestRateRestartsWithNewUnits(t *testing.T) {
	r := rate{filled: 100}
	r.update(at(10*time.Millisecond), 0)
	r.restart(at(10 * time.Second))
	r.filled += 100
	r.update(at(10*time.Second+10*time.Millisecond), 0)
	if r.value != 10_000 {
		t.Fatal(r.value)
	}
	r.restart(at(time.Second)) // time never goes backwards
	if r.at != at(10*time.Second+10*time.Millisecond) {
		t.Fatal("went back to", r.at)
	}
}

// Units that come back unsold lower the count. The rate never falls below zero.
func TestRateIsNeverNegative(t *testing.T) {
	r := rate{filled: 100}
	r.update(at(10*time.Millisecond), 50)
	r.filled -= 80
	r.update(at(20*time.Millisecond), 50)
	if r.value < 0 {
		t.Fatal(r.value)
	}
}
