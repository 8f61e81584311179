package shard

import (
	"math"
	"reflect"
	"testing"
)

// What a single caller can rely on.

func TestNewIsEmpty(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		if _, ok := a.Take(); ok || !a.Empty() || a.Len() != 0 {
			t.Fatal("a new allotment has stock")
		}
		if got := a.Drain(math.MaxUint64); len(got) != 0 {
			t.Fatal("drained", got)
		}
	})
}

func TestEverySerialOnceThenEmpty(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		a.Fill(Range{1, 501}, Range{1000, 1500})
		seen := map[uint32]bool{}
		for range 1000 {
			s, ok := a.Take()
			if !ok || seen[s] || s < 1 || s > 1499 || s > 500 && s < 1000 {
				t.Fatalf("Take = %d, %v after %d", s, ok, len(seen))
			}
			seen[s] = true
		}
		if _, ok := a.Take(); ok || !a.Empty() {
			t.Fatal("unit 1001 of 1000, or not Empty after it")
		}
	})
}

func TestFillClearsEmpty(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		a.Take()
		a.Fill()
		a.Fill(Range{5, 5})
		if !a.Empty() {
			t.Fatal("a Fill of nothing cleared Empty")
		}
		a.Fill(Range{7, 8})
		if a.Empty() {
			t.Fatal("Empty after Fill")
		}
		if s, ok := a.Take(); !ok || s != 7 {
			t.Fatal("Take =", s, ok)
		}
	})
}

func TestTakeNIsAllOrNone(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		a.Fill(Range{1, 3}, Range{3, 5}) // neighbours of different leases
		if _, ok := a.TakeN(3); ok {
			t.Fatal("TakeN(3) spans two leases")
		}
		if a.Empty() || a.Len() != 4 {
			t.Fatal("a lost TakeN(3) said Empty or took some")
		}
		if _, ok := a.TakeN(0); ok {
			t.Fatal("TakeN(0) got something")
		}
		one, ok1 := a.TakeN(2)
		two, ok2 := a.TakeN(2)
		if !ok1 || !ok2 || one+two != 4 {
			t.Fatal("TakeN(2) twice =", one, ok1, two, ok2)
		}
		if _, ok := a.TakeN(2); ok || !a.Empty() {
			t.Fatal("TakeN(2) of nothing")
		}
	})
}

func TestLargestRange(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		all := Range{1, math.MaxUint32}
		a.Fill(all)
		if first, ok := a.TakeN(math.MaxUint32 - 1); !ok || first != 1 {
			t.Fatal("TakeN(all) =", first, ok)
		}
		a.Fill(all)
		a.Take()
		if _, ok := a.TakeN(math.MaxUint32); ok {
			t.Fatal("more than there are serials")
		}
		if n := count(a.Drain(math.MaxUint64)); n != math.MaxUint32-2 {
			t.Fatal("drained", n)
		}
	})
}

func TestDrainedCannotBeTaken(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		a.Fill(Range{1, 101})
		a.Take()
		if got := a.Drain(0); got != nil {
			t.Fatal("Drain(0) =", got)
		}
		if n := count(a.Drain(60)); n != 60 || a.Len() != 39 {
			t.Fatal("Drain(60) =", n, "left", a.Len())
		}
		if n := count(a.Drain(60)); n != 39 {
			t.Fatal("Drain(60) of 39 =", n)
		}
		if _, ok := a.Take(); ok {
			t.Fatal("took a drained unit")
		}
	})
}

func TestWithdrawEndsOneLease(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		a.Fill(Range{10, 20}, Range{20, 30}, Range{30, 40})
		first, _ := a.Take()
		if n := count(a.Withdraw(Range{10, 20})); n != 9 || first != 10 {
			t.Fatal("withdrew", n, "after", first)
		}
		if got := a.Withdraw(Range{25, 26}); !reflect.DeepEqual(got, []Range{{25, 26}}) {
			t.Fatal("withdrew", got)
		}
		if got := a.Withdraw(Range{10, 20}); len(got) != 0 || a.Len() != 19 {
			t.Fatal("withdrew twice:", got, "left", a.Len())
		}
		if got := a.Withdraw(Range{40, 10}); len(got) != 0 {
			t.Fatal("inside out:", got)
		}
	})
}

func TestLowNeedsAVisitAndIsKeptOnce(t *testing.T) {
	overAll(t, func(t *testing.T, make func() allotment) {
		a := make()
		a.SetLow(10)
		a.Fill(Range{1, 101})
		for a.Len() > 11 {
			a.Take()
			if lowToken(a) {
				t.Fatal("low at", a.Len())
			}
		}
		for ok := true; ok; _, ok = a.Take() {
		}
		a.TakeN(2)
		if !lowToken(a) {
			t.Fatal("sold out and no token")
		}
		if lowToken(a) {
			t.Fatal("two tokens kept")
		}
		a.Fill(Range{1, 2})
		if lowToken(a) {
			t.Fatal("Fill is no visit")
		}
	})
}

func lowToken(a allotment) bool {
	select {
	case <-a.Low():
		return true
	default:
		return false
	}
}
