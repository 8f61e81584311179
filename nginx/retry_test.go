package nginx

import (
	"strconv"
	"strings"
	"testing"
)

func TestRetryAfterInText(t *testing.T) {
	for text, want := range map[string]RetryAfter{"1s": {1, 1}, "7s": {7, 7}, "1s..10s": {1, 10}, "3s..3s": {3, 3},
		"60s": {60, 60}} {
		var r RetryAfter
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%s: %+v %v", text, r, err)
		}
	}
	for _, text := range []string{"", "1", "0s", "2s..1s", "1s..61s", "1.5s", "1m", "1s..", "..1s", "1s..2s..3s", "-1s", "1s; x"} {
		var r RetryAfter
		if err := r.UnmarshalText([]byte(text)); err == nil || r != (RetryAfter{}) {
			t.Errorf("%q is taken for %+v", text, r)
		}
	}
}

// All seconds of a range have a share, and together no more than all.
func TestRetryAfterShares(t *testing.T) {
	for most := 2; most <= maxRetry; most++ {
		lines, sum := RetryAfter{1, most}.Shares(), 0.0
		for i, line := range lines {
			share, second, _ := strings.Cut(strings.TrimSuffix(line, ";"), " ")
			if second != strconv.Itoa(i+1) {
				t.Errorf("1s..%ds: line %d is %s", most, i, line)
			}
			if percent, is := strings.CutSuffix(share, "%"); is {
				n, err := strconv.ParseFloat(percent, 64)
				if sum += n; err != nil || n <= 0 {
					t.Errorf("1s..%ds: %s", most, line)
				}
			} else if share != "*" || i != most-1 {
				t.Errorf("1s..%ds: %s", most, line)
			}
		}
		if len(lines) != most || sum >= 100 {
			t.Errorf("1s..%ds: %d lines, %.2f%%", most, len(lines), sum)
		}
	}
}
