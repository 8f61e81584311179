package crowd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"spike/bench"
)

// Wins notes answers to buys: who won which serial, what the others heard, and what is wrong. The zero value is ready. It is safe
// for concurrent use.
type Wins struct {
	Keep bool // the newest reservation of each serial, for Units. Otherwise a win costs little memory

	mu       sync.Mutex
	heard    [words]int
	until    map[uint64]int64 // by serial: the end of the hold, Unix nanoseconds; 0: for ever
	units    map[uint64]Reservation
	twice    []uint64 // won while an earlier winner still had it
	noSerial int
	noToken  int
	odd      map[int]odd // by status
}

// odd is answers that are none of the contract's.
type odd struct {
	n      int
	sample string
}

// Note notes an answer. It returns the answer's word, and how many answers with this word there are so far.
func (w *Wins) Note(a Answer) (word Word, nth int) {
	var won Reservation
	if word = a.Word(); word == Won {
		var err error
		if won, err = a.Reservation(); err != nil {
			word = Odd
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.until == nil {
		w.until, w.units, w.odd = map[uint64]int64{}, map[uint64]Reservation{}, map[int]odd{}
	}
	w.heard[word]++
	switch word {
	case Won:
		w.win(won, time.Now())
	case Odd:
		w.odd[a.Status] = odd{w.odd[a.Status].n + 1, cut(a.Body, 60)}
	default:
	}
	return word, w.heard[word]
}

// Hear is Note for [Options].Heard.
func (w *Wins) Hear(a Answer) { w.Note(a) }

func (w *Wins) win(won Reservation, now time.Time) {
	if won.Token == "" {
		w.noToken++
	}
	if won.Serial == 0 {
		w.noSerial++
		return
	}
	until := int64(0)
	if !won.ExpiresAt.IsZero() {
		until = won.ExpiresAt.UnixNano()
	}
	for serial := won.Serial; serial < won.Serial+max(1, won.Count); serial++ {
		if before, again := w.until[serial]; again && (before == 0 || now.UnixNano() < before) {
			w.twice = append(w.twice, serial)
		}
		w.until[serial] = until
		if w.Keep {
			w.units[serial] = won
		}
	}
}

// Count is how many answers had one of these words.
func (w *Wins) Count(of ...Word) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, word := range of {
		n += w.heard[word]
	}
	return n
}

// Serials are those that were won, in order.
func (w *Wins) Serials() []uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.until))
}

// Has says whether a serial was won.
func (w *Wins) Has(serial uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, won := w.until[serial]
	return won
}

// Units are the newest reservations by serial, if they are kept.
func (w *Wins) Units() map[uint64]Reservation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.units)
}

// Highest is the highest serial that was won; 0: none.
func (w *Wins) Highest() uint64 { return slices.Max(append(w.Serials(), 0)) }

// Twice are the serials that were won while somebody had them already, in order.
func (w *Wins) Twice() []uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(slices.Values(w.twice))
}

// Odd says which answers are none of the contract's, by status: how many, and a sample. Empty: none.
func (w *Wins) Odd() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, status := range slices.Sorted(maps.Keys(w.odd)) {
		all = append(all, fmt.Sprintf("%s with status %d: %q", bench.Plural(w.odd[status].n, "answer"), status, w.odd[status].sample))
	}
	return strings.Join(all, ", ")
}

// Wrong lists what is wrong with the answers of status 200 and 201. Empty: nothing.
func (w *Wins) Wrong() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wrong := func(n int, noun, format string, args ...any) {
		if n > 0 {
			all = append(all, bench.Plural(n, noun)+" "+fmt.Sprintf(format, args...))
		}
	}
	wrong(len(w.twice), "win", "of a serial somebody had already: %s", some(w.twice))
	wrong(w.noSerial, "buyer", "won without a serial")
	wrong(w.noToken, "buyer", "won without a token")
	for _, status := range []int{200, 201} {
		wrong(w.odd[status].n, "answer", "with status %d not in the words of the contract: %q", status, w.odd[status].sample)
	}
	return all
}

// some formats the first of the serials, in order.
func some(serials []uint64) string {
	const most = 5
	sorted := slices.Compact(slices.Sorted(slices.Values(serials)))
	text := strings.Trim(strings.ReplaceAll(fmt.Sprint(sorted[:min(most, len(sorted))]), " ", ", "), "[]")
	if len(sorted) > most {
		text += ", ..."
	}
	return text
}
