package strategies

import (
	"testing"
	"time"
)

func TestCrowdIsTheSameEveryTime(t *testing.T) {
	a, b, other := Crowd{Seed: 7, NeverPay: 30}, Crowd{Seed: 7, NeverPay: 30}, Crowd{Seed: 8, NeverPay: 30}
	differs := false
	for k := range int64(1000) {
		pays, after := a.Winner(k)
		if again, againAfter := b.Winner(k); again != pays || againAfter != after {
			t.Fatalf("winner %d: %v %v, then %v %v", k, pays, after, again, againAfter)
		}
		otherPays, otherAfter := other.Winner(k)
		differs = differs || otherPays != pays || otherAfter != after
	}
	if !differs {
		t.Error("another seed, the same crowd")
	}
}

// payers counts those of the first n winners who pay.
func payers(n int64) (paying int64) {
	c := Crowd{Seed: example().Seed, NeverPay: example().NeverPay}
	for k := range n {
		if pays, _ := c.Winner(k); pays {
			paying++
		}
	}
	return paying
}

func TestPayersAreTheFirstOfTheCrowdWhoPay(t *testing.T) {
	if a, b := payers(100), payers(101); a < 50 || a > 90 || b-a < 0 || b-a > 1 {
		t.Errorf("%d of 100, %d of 101", a, b)
	}
}

func TestCrowdPaysAsOftenAndAsSoonAsItShould(t *testing.T) {
	const winners = 20_000
	for _, percent := range []int{0, 30, 100} {
		c, never := Crowd{Seed: 1, NeverPay: percent}, 0
		var sum time.Duration
		for k := range int64(winners) {
			pays, after := c.Winner(k)
			if !pays {
				never++
			}
			if after < payAtLeast || after > payAtMost {
				t.Fatalf("winner %d pays after %v", k, after)
			}
			sum += after
		}
		if want := winners * percent / 100; never < want-winners/50 || never > want+winners/50 {
			t.Errorf("%d of %d never pay, not %d", never, winners, want)
		}
		if mean := sum / winners; mean < 265*time.Millisecond || mean > 285*time.Millisecond {
			t.Errorf("they pay after %v on average", mean)
		}
	}
}
