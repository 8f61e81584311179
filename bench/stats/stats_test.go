package stats

import (
	"math"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want Spread
	}{
		{nil, Spread{}},
		{[]float64{math.NaN()}, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{4, 1, 9}, Spread{4, 1, 9, 3}},
		{[]float64{4, 1, math.Inf(1), 9, 2}, Spread{3, 1, 9, 4}},
	} {
		if got := Of(c.in); got != c.want {
			t.Errorf("Of(%v) = %+v, want %+v", c.in, got, c.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestSpreadLeavesItsInputAlone(t *testing.T) {
	in := []float64{3, 1, 2}
	Of(in)
	if in[0] != 3 || in[1] != 1 || in[2] != 2 {
		t.Fatalf("input reordered: %v", in)
	}
}

// A machine that slows down steadily, by the same amount each step, must not favour either side.
func TestQuadCancelsLinearDrift(t *testing.T) {
	const a, b, drift = 10.0, 8.0, 0.5
	q := Quad{A1: a, B1: b + drift, B2: b + 2*drift, A2: a + 3*drift}
	want := (2*a + 3*drift) / (2*b + 3*drift)
	if got := q.Ratio(); math.Abs(got-want) > 1e-12 {
		t.Fatalf("ratio %v, want %v", got, want)
	}
	same := Quad{A1: a, B1: a + drift, B2: a + 2*drift, A2: a + 3*drift}
	if got := same.Ratio(); got != 1 {
		t.Fatalf("two equal servers compare as %v", got)
	}
	if !math.IsNaN((Quad{A1: 1}).Ratio()) {
		t.Fatal("a ratio over nothing is a number")
	}
}
