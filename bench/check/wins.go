package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Wins checks answers. It keeps every serial that was won, with the end of its hold. The zero value is ready. It is safe for
// concurrent use.
type Wins struct {
	mu         sync.Mutex
	until      map[uint64]time.Time // by serial; zero: for ever
	wins       int64
	twice      []uint64 // given again while the first buyer still had it
	noSerial   int64
	noToken    int64
	unreadable int64 // status 200, and not in the contract
	sample     string
}

type answer struct {
	Code *int `json:"code"`
	Data struct {
		Serial    uint64    `json:"serial"`
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"data"`
}

// refusal is in every "no". Most answers are one, and need no decoding.
var refusal = []byte(`"code":-`)

// Note checks an answer. For a win it returns the number of wins so far, else 0.
func (w *Wins) Note(status int, body []byte) int64 {
	if status != 200 || bytes.Contains(body, refusal) {
		return 0
	}
	var a answer
	err := json.Unmarshal(body, &a)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || a.Code == nil || *a.Code != 1 && *a.Code >= 0 {
		w.unreadable++
		w.sample = cut(string(body), 60)
		return 0
	}
	if *a.Code != 1 {
		return 0
	}
	w.keep(a, time.Now())
	return w.wins
}

func (w *Wins) keep(a answer, now time.Time) {
	w.wins++
	if a.Data.Token == "" {
		w.noToken++
	}
	if a.Data.Serial == 0 {
		w.noSerial++
		return
	}
	before, again := w.until[a.Data.Serial]
	if again && (before.IsZero() || now.Before(before)) {
		w.twice = append(w.twice, a.Data.Serial)
	}
	if w.until == nil {
		w.until = map[uint64]time.Time{}
	}
	w.until[a.Data.Serial] = a.Data.ExpiresAt
}

// Count is the number of wins.
func (w *Wins) Count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wins
}

// Highest is the highest serial given.
func (w *Wins) Highest() (top uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for serial := range w.until {
		top = max(top, serial)
	}
	return top
}

// Findings says whether the wins are right.
func (w *Wins) Findings() []Finding {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Finding
	if len(w.twice) > 0 {
		all = append(all, Fail("%s of a serial somebody had already: %s", plural(len(w.twice), "win"), some(w.twice)))
	}
	for _, c := range []struct {
		n    int64
		what string
	}{{w.noSerial, "won without a serial"}, {w.noToken, "won without a token"}} {
		if c.n > 0 {
			all = append(all, Fail("%s %s", plural(c.n, "buyer"), c.what))
		}
	}
	if w.unreadable > 0 {
		all = append(all, Fail("%s with status 200 not in the words of the contract: %q",
			plural(w.unreadable, "answer"), w.sample))
	}
	switch {
	case all == nil && w.wins == 0:
		return []Finding{OK("nobody won")}
	case all == nil:
		return []Finding{OK("%s: no serial twice, a token with each", plural(w.wins, "win"))}
	}
	return all
}

// some formats the first of the serials, in order.
func some(serials []uint64) string {
	const most = 5
	sorted := slices.Compact(slices.Sorted(slices.Values(serials)))
	words := make([]string, 0, most+1)
	for _, s := range sorted[:min(most, len(sorted))] {
		words = append(words, fmt.Sprint(s))
	}
	if len(sorted) > most {
		words = append(words, "...")
	}
	return strings.Join(words, ", ")
}

func plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Number(n) + " " + noun + "s"
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
