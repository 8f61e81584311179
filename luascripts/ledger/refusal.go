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

// The errors of a store. A script refuses with a code, the first word of the error that Redis sends; each code stands for one
// error.
var (
	ErrNoSale     = errors.New("no such sale")
	ErrBadSale    = errors.New("sale refused")         // the hash makes no sense, or the ledger has another layout
	ErrForeign    = errors.New("sale changed by hand") // grants stop until an operator has looked
	ErrBirth      = errors.New("another sale by now")  // the caller's leases and claims belong to a sale that is gone
	ErrExists     = errors.New("sale exists")
	ErrClosed     = errors.New("sale is closed") // for good
	ErrOpened     = errors.New("sale is open already")
	ErrBegun      = errors.New("sale has begun")      // units were leased or sold, or history was cut
	ErrTimes      = errors.New("times make no sense") // of an opening and a closing
	ErrLate       = errors.New("too late")            // the latest time of the call had passed: nothing was done
	ErrTooMany    = errors.New("too many units")
	ErrNoBuyer    = errors.New("buyer unknown")        // a sale with a limit must know who buys
	ErrUnlisted   = errors.New("buyers not listed")    // only a sale with a limit knows which units a buyer has
	ErrReassert   = errors.New("history was lost")     // the lease may have been in it: its owner must re-assert it first
	ErrRecovering = errors.New("history was cut")      // nothing is granted yet
	ErrChanged    = errors.New("not as it was agreed") // nothing was done: look again
	ErrName       = errors.New("not a name for a sale")
	ErrDown       = errors.New("store does not answer") // nobody knows whether the call was executed
	ErrIndexing   = errors.New("index is made anew")    // nothing was decided: the caller must ask again
)

// ErrReplicas says that a script was executed, and that fewer replicas have it than must. A repeat of the call changes
// nothing more.
var ErrReplicas = errors.New("not enough replicas have it")

// WhyReplicas tells people of ErrReplicas. A process that is not ready because of it says so first.
const WhyReplicas = "replicas are missing, or too slow"

// ErrPassword says that the server wants another password than it was given, or any.
var ErrPassword = errors.New("another password is wanted")

// Timeout is how long one call may take. After it, nobody knows whether the call was executed.
const Timeout = time.Second

var codes = map[string]error{
	"NOSALE": ErrNoSale, "BADSALE": ErrBadSale, "FOREIGN": ErrForeign, "BIRTH": ErrBirth, "EXISTS": ErrExists,
	"CLOSED": ErrClosed, "OPENED": ErrOpened, "BEGUN": ErrBegun, "TIMES": ErrTimes,
	"TOOMANY": ErrTooMany, "LATE": ErrLate, "NOBUYER": ErrNoBuyer, "UNLISTED": ErrUnlisted,
	"REASSERT": ErrReassert, "RECOVERING": ErrRecovering, "CHANGED": ErrChanged, "INDEXING": ErrIndexing,
}

// Codes are all the codes of refusals.
func Codes() []string { return slices.Sorted(maps.Keys(codes)) }

// ServerError is an error reply of the server itself: the server answered, and did not execute the call. It wraps nothing;
// the error that carries it also wraps ErrDown.
type ServerError struct{ Text string }

func (u *ServerError) Error() string { return u.Text }

// Is says that the server wants another password.
func (u *ServerError) Is(kind error) bool {
	return kind == ErrPassword && (u.Code() == "NOAUTH" || u.Code() == "WRONGPASS")
}

// Code is the first word: OOM, READONLY, NOREPLICAS, MISCONF, LOADING ...
func (u *ServerError) Code() string {
	code, _, _ := strings.Cut(u.Text, " ")
	return code
}

// Refusal is a script's "no". The script has written nothing that the caller asked for.
type Refusal struct {
	Code string // NOSALE, BADSALE, ...
	Why  string // for people
	At   int64  // of LATE: the store's clock, in microseconds
	Era  uint64 // of NOSALE and BIRTH: the era in which the refusal holds
}

func (r *Refusal) Error() string { return codes[r.Code].Error() + ": " + r.Why }
func (r *Refusal) Unwrap() error { return codes[r.Code] }

// ParseRefusal reads the text of an error; nil: the text is not a script's refusal.
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

// TooMany refuses a total that is too large.
func TooMany() error {
	return &Refusal{Code: "TOOMANY", Why: fmt.Sprintf("a sale has at most %d units", uint64(MaxSerial))}
}

// NoSale refuses a name that no sale has.
func NoSale(sale string) error {
	return &Refusal{Code: "NOSALE", Why: sale + HashSuffix + " does not exist"}
}

// Unborn refuses a birth that no sale has.
func Unborn(birth uint64) error {
	return &Refusal{Code: "NOSALE", Why: fmt.Sprintf("no sale was made at %d, or it was removed", birth)}
}
