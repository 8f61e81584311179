package answer

import (
	"math/rand/v2"
	"strconv"
)

// Spread is after how many whole seconds a buyer may come again: Least to Most, each as likely, so that those who heard the same
// do not come back together. The zero value is one second.
type Spread struct{ Least, Most int }

// replies is one answer, once for each Retry-After that it may have. An answer without Retry-After is there once.
type replies []Reply

// any is one of the replies. It takes no lock, and does not allocate.
func (r replies) any() *Reply { return &r[pick(len(r))] }

// pick is a random number below n.
func pick(n int) int {
	if n == 1 {
		return 0
	}
	return rand.IntN(n)
}

// seconds are the values of Retry-After.
func (s Spread) seconds() []int {
	least := max(s.Least, 1)
	list := make([]int, max(s.Most-least, 0)+1)
	for i := range list {
		list[i] = least + i
	}
	return list
}

// each makes an answer for each Retry-After.
func (s Spread) each(r Reply) (list replies) {
	for _, n := range s.seconds() {
		r.Retry = strconv.AppendInt(nil, int64(n), 10)
		list = append(list, r)
	}
	return list
}

// problems makes a problem for each Retry-After.
func (s Spread) problems(p *Problem) (list replies) {
	for _, n := range s.seconds() {
		again := *p
		again.RetryAfterMS = int64(n) * 1000
		list = append(list, again.Reply())
	}
	return list
}

// later is a random number of seconds that keeps buyers apart who all wait for one moment.
func (s Spread) later() int64 { return int64(pick(max(s.Most-max(s.Least, 1), 0) + 1)) }
