package measure

import "fmt"

// Target is what a value should come to.
type Target struct {
	What   string
	Least  bool // Bound is the least that it should be, and not the most
	Bound  float64
	Digits int // of the printed values
}

// met says whether the median reaches the bound.
func (t Target) met(v Spread) bool {
	if t.Least {
		return v.N > 0 && v.Median >= t.Bound
	}
	return v.N > 0 && v.Median <= t.Bound
}

// Say says what was measured, and whether it is the target. Nothing is said of what was not measured.
func (t Target) Say(v Spread) []string {
	if v.N == 0 {
		return nil
	}
	word, verdict := "most", "missed"
	if t.Least {
		word = "least"
	}
	if t.met(v) {
		verdict = "met"
	}
	return []string{fmt.Sprintf("%s: %.*f (%.*f..%.*f of %d); target at %s %.*f: %s", t.What, t.Digits, v.Median, t.Digits, v.Min,
		t.Digits, v.Max, v.N, word, t.Digits, t.Bound, verdict)}
}
