package ledger

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a script refuses with; the code is the first word of the error Redis sends.
var (
	ErrNoSale     = errors.New("no such sale")
	ErrBadSale    = errors.New("sale refused")          // the hash makes no sense; the text says why
	ErrForeign    = errors.New("sale changed by hand")  // grants stop until somebody has looked
	ErrBirth      = errors.New("another sale by now")   // what the caller holds belongs to a sale that is gone
	ErrExists     = errors.New("sale exists")           //
	ErrClosed     = errors.New("sale is closed")        // for good
	ErrLate       = errors.New("too late")              // nobody waited any more: nothing was done
	ErrTooMany    = errors.New("too many units")        //
	ErrNoBuyer    = errors.New("buyer unknown")         // a sale with a limit must know who buys
	ErrReassert   = errors.New("history was lost")      // the lease may have been in it: its owner must re-assert it first
	ErrRecovering = errors.New("history was cut")       // nothing is granted yet
	ErrChanged    = errors.New("not as it was agreed")  // nothing was done: look again
	ErrKeyUsed    = errors.New("key used before")       // for another sale or number of units
	ErrName       = errors.New("not a name for a sale") //
	ErrDown       = errors.New("store does not answer") // nothing is known of what became of the call
	ErrIndexing   = errors.New("index is made anew")    // of free ranges: it is asked again
)

// ErrReplicas says that a script was executed, and that fewer replicas have it than must. Who asks again changes nothing.
var ErrReplicas = errors.New("not enough replicas have it")

// Timeout is how long one call may take before nobody knows what became of it.
const Timeout = time.Second

var codes = map[string]error{
	"NOSALE": ErrNoSale, "BADSALE": ErrBadSale, "FOREIGN": ErrForeign, "BIRTH": ErrBirth, "EXISTS": ErrExists,
	"CLOSED": ErrClosed, "TOOMANY": ErrTooMany, "LATE": ErrLate, "NOBUYER": ErrNoBuyer,
	"REASSERT": ErrReassert, "RECOVERING": ErrRecovering, "CHANGED": ErrChanged, "INDEXING": ErrIndexing,
}

// Codes are all that a refusal may have.
func Codes() []string { return slices.Sorted(maps.Keys(codes)) }

// Unwilling is an error of the store's own: it answered, and would not. It wraps nothing; ErrDown comes with it.
type Unwilling struct{ Text string }

func (u *Unwilling) Error() string { return u.Text }

// Code is the first word: OOM, READONLY, NOREPLICAS, MISCONF, LOADING ...
func (u *Unwilling) Code() string {
	code, _, _ := strings.Cut(u.Text, " ")
	return code
}

// Refusal is a script's "no": it has written nothing the caller asked for.
type Refusal struct {
	Code string // NOSALE, BADSALE, ...
	Why  string // for people
	At   int64  // of LATE: what the store's clock said, in microseconds
	Era  uint64 // of NOSALE and BIRTH: the store's history, in which it is so
}

func (r *Refusal) Error() string { return codes[r.Code].Error() + ": " + r.Why }
func (r *Refusal) Unwrap() error { return codes[r.Code] }

// ParseRefusal reads a script's error text; nil when it is not one of ours.
func ParseRefusal(text string) error {
	code, why, _ := strings.Cut(text, " ")
	if codes[code] == nil {
		return nil
	}
	r := &Refusal{Code: code, Why: why}
	if code == "LATE" {
		at, _, _ := strings.Cut(why, " ")
		r.At, _ = strconv.ParseInt(at, 10, 64)
	}
	if text, era, ok := strings.Cut(why, " (era "); ok {
		r.Why = text
		r.Era, _ = strconv.ParseUint(strings.TrimSuffix(era, ")"), 10, 64)
	}
	return r
}

// TooMany refuses a total.
func TooMany() error {
	return &Refusal{Code: "TOOMANY", Why: fmt.Sprintf("a sale has at most %d units", uint64(MaxSerial))}
}

// NoSale refuses a name.
func NoSale(sale string) error {
	return &Refusal{Code: "NOSALE", Why: sale + HashSuffix + " does not exist"}
}

// Unborn refuses a birth.
func Unborn(birth uint64) error {
	return &Refusal{Code: "NOSALE", Why: fmt.Sprintf("no sale was made at %d, or it was removed", birth)}
}
