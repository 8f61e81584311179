package nginx

import (
	"fmt"
	"strconv"
	"strings"
)

// RetryAfter is after how many whole seconds a buyer may come again who heard that there is nothing now: Least to Most, each as
// likely, so that those who heard the same do not come back together. In text it is "1s", or "1s..10s".
type RetryAfter struct{ Least, Most int }

// maxRetry is the largest Most, in seconds.
const maxRetry = 60

// UnmarshalText reads it.
func (r *RetryAfter) UnmarshalText(text []byte) error {
	from, to, several := strings.Cut(string(text), "..")
	if !several {
		to = from
	}
	least, wrong := secondsOf(from)
	most, alsoWrong := secondsOf(to)
	if wrong || alsoWrong || least < 1 || most < least || most > maxRetry {
		return fmt.Errorf("%q is neither whole seconds such as 1s nor a range of them such as 1s..10s, from 1s to %ds", text, maxRetry)
	}
	*r = RetryAfter{Least: least, Most: most}
	return nil
}

func secondsOf(text string) (n int, wrong bool) {
	digits, is := strings.CutSuffix(text, "s")
	n, err := strconv.Atoi(digits)
	return n, !is || err != nil
}

// Spreads says that there is more than one number of seconds.
func (r RetryAfter) Spreads() bool { return r.Most > r.Least }

// Word is the number of seconds in nginx.conf, or the variable that has it.
func (r RetryAfter) Word() string {
	if r.Spreads() {
		return "${again}"
	}
	return strconv.Itoa(r.Least)
}

// Shares are the lines of split_clients: all numbers of seconds have the same share.
func (r RetryAfter) Shares() (lines []string) {
	n := r.Most - r.Least + 1
	for s := r.Least; s < r.Most; s++ {
		lines = append(lines, fmt.Sprintf("%.2f%% %d;", float64(10_000/n)/100, s))
	}
	return append(lines, fmt.Sprintf("* %d;", r.Most))
}

// in is the format with these seconds in its problems, which are written for one second.
func (r RetryAfter) in(f format) format {
	for _, a := range []*answer{&f.SoldOut, &f.NoneNow, &f.Undecided, &f.TooMany} {
		a.Body = strings.Replace(a.Body, `"retry_after_ms":1000`, `"retry_after_ms":`+r.Word()+`000`, 1)
	}
	return f
}
