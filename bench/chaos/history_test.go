package chaos

import (
	"fmt"
	"math"
	"sync"
	"time"

	"spike/bench/crowd"
)

// Kind is the kind of a request.
type Kind uint8

// The kinds. Lapse is the end of a hold: nobody asks for it, and only models have it.
const (
	Buy Kind = iota
	Confirm
	Cancel
	Look
	Lapse
	Again // a buy under a key that was answered before: its answer is no news of the serial
)

// Word is the meaning of an answer. Unknown: the request was sent, and its result is not known (no answer, or a 503 about a
// token).
type Word = crowd.Word

// The words of histories.
const (
	Unknown   = crowd.Unknown
	Won       = crowd.Won
	SoldOut   = crowd.SoldOut
	NoneNow   = crowd.NoneNow
	Undecided = crowd.Undecided
	Pending   = crowd.Pending
	Confirmed = crowd.Confirmed
	Cancelled = crowd.Cancelled
	Expired   = crowd.Expired
	NoSuch    = crowd.NoSuch
	Odd       = crowd.Odd
	Refused   = crowd.Refused
	OverLimit = crowd.OverLimit
)

// Forever is the end of an exchange without an answer: it may take effect at any time, or never.
const Forever = time.Duration(math.MaxInt64)

// Op is one exchange as its client saw it, in time since the history began.
type Op struct {
	Kind       Kind
	Word       Word
	Client     int
	Edge       string // the edge that was asked
	Start, End time.Duration
	Serial     uint32        // of a win, or of the win whose token was shown
	Token      string        // likewise
	Until      time.Duration // of a win: until when the token is good
	Said       string        // the answer, if it was odd
	Buyer, Key string        // of a known buyer's buy
}

// History is all exchanges of a run. Safe for concurrent use.
type History struct {
	begun time.Time
	mu    sync.Mutex
	ops   []Op
}

// NewHistory begins a history.
func NewHistory() *History { return &History{begun: time.Now()} }

// Now is the time since the history began, by a clock that never goes back.
func (h *History) Now() time.Duration { return time.Since(h.begun) }

// At converts a wall-clock time to the history's time.
func (h *History) At(wall time.Time) time.Duration { return wall.Sub(h.begun.Round(0)) }

// Add adds an exchange.
func (h *History) Add(op Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// Ops returns the exchanges so far.
func (h *History) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ops[:len(h.ops):len(h.ops)]
}

// Heard counts answers to buys by their word.
func (h *History) Heard() map[Word]int {
	n := map[Word]int{}
	for _, op := range h.Ops() {
		if op.Kind == Buy {
			n[op.Word]++
		}
	}
	return n
}

// bySerial returns the wins and the exchanges about them, by serial.
func bySerial(ops []Op) map[uint32][]Op {
	all := map[uint32][]Op{}
	for _, op := range ops {
		if op.Serial > 0 {
			all[op.Serial] = append(all[op.Serial], op)
		}
	}
	return all
}

func (k Kind) String() string {
	return [...]string{"buy", "confirm", "cancel", "look", "lapse", "again"}[k]
}

func (o Op) String() string {
	end := "?"
	if o.End != Forever {
		end = seconds(o.End)
	}
	s := fmt.Sprintf("[%s %s] %d at %s: %s: %s", seconds(o.Start), end, o.Client, o.Edge, o.Kind, o.Word)
	if o.Word == Won {
		s += fmt.Sprintf(" %d until %s, token …%s", o.Serial, seconds(o.Until), tail(o.Token))
	}
	return s
}

// said is the text of an answer that a judge may have to show.
func said(word Word, a crowd.Answer) string {
	if word == Won || word == SoldOut || word == NoneNow || word == Undecided {
		return ""
	}
	return a.String()
}

// seconds formats a time for people.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// tail tells tokens apart without showing them.
func tail(token string) string { return token[max(0, len(token)-6):] }
